"""Every finding of section 9 of the design is a test by name, and none of them gets lost."""

import pathlib
import re

CORE = pathlib.Path(__file__).resolve().parent / "core"

FIRST = (
    "x_revealed_in_an_aborted_exchange_and_its_y_used_in_the_next",
    "junk_confirm_that_makes_an_honest_member_cry_abort",
    "sid_or_signature_that_links_sessions",
    "group_secret_kept_while_only_chains_are_needed",
    "join_wraps_confirm_or_message_re_encrypted_under_one_key",
    "forged_join_by_a_participant",
    "roster_shown_differently_to_joiners_and_members",
    "endless_supersession",
    "split_rule_on_which_two_honest_members_disagree",
    "honest_member_convicted_through_an_equivocating_carrier",
    "ground_sas",
    "carrier_leave_as_removal",
    "a_colluding_neighbour_filling_an_absent_members_seat",
    "header_or_varint_re_encoding_that_splits_transcripts",
    "counter_jump_before_authentication",
    "last_messages_of_a_session_never_confirmed",
    "text_re_posted_to_people_it_was_not_meant_for",
    "invitation_nobody_can_open",
    "expelled_member_still_voting",
    "ack_older_than_the_ring_taken_as_confirmation",
)
SECOND = (
    "a_re_sealed_copy_of_a_genuine_share_by_anyone_who_knows_e",
    "a_signature_by_t_that_reaches_s",
    "joiners_and_members_who_see_the_switch_at_different_frames",
    "replacement_as_eviction",
    "keys_that_nobody_owes",
    "idle_group_that_suspects_itself",
    "carrier_outage_of_20_minutes_that_makes_everyone_leave",
    "admission_known_to_old_members_only",
    "roster_made_by_a_stranger_from_a_y_in_clear",
    "proposer_silent_before_roster",
    "re_keys_that_starve_joins",
    "guest_blamed_for_its_inviters_false_admission",
    "reveal_without_the_hashes_its_author_saw",
)
THIRD = (
    "a_shares_signature_taken_for_a_confirms",
    "abort_whose_hashes_let_t_reach_s",
    "honest_owner_of_a_re_sealed_slot_convicted",
    "contribution_that_lands_just_before_abort_removed",
    "a_void_members_confirm_counted_by_joiners_only",
    "shares_before_roster",
    "false_roster_that_spends_a_joiners_y",
    "strangers_join_that_costs_64_dh",
    "text_between_the_last_share_and_an_abort_shown_twice_or_never",
)


def test_every_finding_of_section_9_has_its_test():
    found = []
    for path in sorted(CORE.glob("test_section9_*.py")):
        found += re.findall(r"^def (test_\w+)\(\):", path.read_text(), re.MULTILINE)
    assert len(found) == len(set(found))
    for part, names in (("first", FIRST), ("second", SECOND), ("third", THIRD)):
        for name in names:
            assert f"test_{part}_{name}" in found


def test_the_count_is_that_of_the_page():
    assert (len(set(FIRST)), len(set(SECOND)), len(set(THIRD))) == (20, 13, 9)
