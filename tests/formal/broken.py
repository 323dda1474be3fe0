"""What test_formal.py breaks on purpose: slips of the pen in a theory, and checks taken out."""

import check_stories
import exchange_stories
import stories

# Each of these, in pairwise.spthy, must be noticed: slip -> (old, new).
SLIPS = {
    "a bracket is lost": ("[ Fr(~a) ]\n--[ Identity", "[ Fr(~a) \n--[ Identity"),
    "a quote is lost": ('==> x = y"\n\nrestriction unequal', "==> x = y\n\nrestriction unequal"),
    "a comment is not closed": ("leaks, or its owner is malicious: then the adversary speaks "
                                "with its keys. */", "leaks"),
    "an unknown builtin": ("builtins: diffie-hellman, ", "builtins: diffie-helman, "),
    "an unknown function": ("auth = kdf(K, <'auth', sid, 'high', 'low', s>)",
                            "auth = mac(K, <'auth', sid, 'high', 'low', s>)"),
    "a wrong number of arguments": ("sig = sign(h(<'share', sid, 'low', ~w>), ~t)",
                                    "sig = sign(h(<'share', sid, 'low', ~w>))"),
    "an operator whose builtin is missing": ("builtins: diffie-hellman, hashing",
                                             "builtins: hashing"),
    "a fact nobody makes": ("[ !Ltk(~a) ]\n--[ Corrupt", "[ !Lkt(~a) ]\n--[ Corrupt"),
    "a fact nobody needs": ("!Id('g'^~a), Out", "!Id('g'^~a), !More(~a), Out"),
    "another arity of a fact": ("[ !Low(~x, 'g'^~b, Y, key) ]", "[ !Low(~x, 'g'^~b, Y) ]"),
    "linear here, persistent there": ("[ !Low(~x, 'g'^~b", "[ Low(~x, 'g'^~b"),
    "a variable that nothing binds": ("Out(<~w, sig, pk(~s), auth>) ]\n\nrule Share_high",
                                      "Out(<~v, sig, pk(~s), auth>) ]\n\nrule Share_high"),
    "an action's variable that nothing binds": ("Took(~x, sid),\n    Accept('g'^~a, 'g'^~x, B, "
                                                "Y, sid, s), Content('g'^~a, 'g'^~x, B, Y, sid, "
                                                "w),\n    Pair('g'^~a, 'g'^~x, B, Y, sid, K) ]->"
                                                "\n  [ !Accepted('g'^~a, 'g'^~x, B, Y, sid, "
                                                "'high'", "Took(~q, sid),\n    Accept('g'^~a, "
                                                "'g'^~x, B, Y, sid, s), Content('g'^~a, 'g'^~x, "
                                                "B, Y, sid, w),\n    Pair('g'^~a, 'g'^~x, B, Y, "
                                                "sid, K) ]->\n  [ !Accepted('g'^~a, 'g'^~x, B, "
                                                "Y, sid, 'high'"),
    "one name in two sorts": ("[ Out(<~x, ~t>) ]", "[ Out(<x, ~t>) ]"),
    "one name in two spellings": ("[ !Statement(A, X, sid, index, ~s), In(m) ]",
                                  "[ !Statement(A, a, sid, index, ~s), In(m) ]"),
    "a name that Tamarin reads as a constant": ("In(<$counter, m, sig>) ]\n--[ Eq(verify(sig,",
                                                "In(<$counter, m, truesig>) ]\n--[ "
                                                "Eq(verify(truesig,"),
    "a let that is not used": ("  let\n    sig = sign(h(<'message'",
                               "  let\n    more = 'g'\n    sig = sign(h(<'message'"),
    "a let that uses what comes later": ("    sid = h(<'sid', context, 'g'^~a, 'g'^~x, pk(~t), "
                                         "B, Y, u>)", "    sid = h(<'sid', sig, 'g'^~a, 'g'^~x, "
                                         "pk(~t), B, Y, u>)"),
    "a look inside a hash": ("!Id('g'^~b), In(Y) ]\n--[ Neq(Y, DH_neutral), Neq('g'^~a, 'g'^~b) "
                             "]->\n  [ !Low", "!Id('g'^~b), In(h(Y)) ]\n--[ Neq(Y, DH_neutral), "
                             "Neq('g'^~a, 'g'^~b) ]->\n  [ !Low"),
    "Fr of a message": ("[ !Ltk(~a), Fr(~x), Fr(~t) ]", "[ !Ltk(~a), Fr(x), Fr(~t) ]"),
    "Out as a premise": ("[ !Keys(~a, ~x, ~t) ]\n--[ Stolen", "[ !Keys(~a, ~x, ~t), Out(~x) ]\n"
                         "--[ Stolen"),
    "a product": ("key = h(<'tdh', Y^~a, 'g'^~b^~x,", "key = h(<'tdh', Y^~a, 'g'^(~b*~x),"),
    "a power looked into": ("  [ !Keys(~a, ~x, ~t), !Low(~x, B, Y, K), In(<context, u>)",
                            "  [ !Keys(~a, ~x, ~t), !Low(~x, 'g'^B, Y, K), In(<context, u>)"),
    "an action named like a fact": ("--[ Corrupt(", "--[ Keys("),
    "a rule twice": ("rule Corrupt:", "rule Identity:"),
    "a lemma twice": ("lemma origin_authenticity_share:", "lemma origin_authenticity:"),
    "a lemma about an action no rule has": ("Hear(A, X, B, sid, n, m) @ #i\n    ==>",
                                            "Heard(A, X, B, sid, n, m) @ #i\n    ==>"),
    "a lemma with another arity of an action": ("Pair(C, V, D, W, tid, key) @ #j",
                                                "Pair(C, V, D, W, key) @ #j"),
    "a free variable in a lemma": ("==> (Ex Y #j. Say(B, Y, sid, n, m) @ #j",
                                   "==> (Ex #j. Say(B, Y, sid, n, m) @ #j"),
    "a variable that no action guards": ("==> (Ex Y #j. Say(B, Y, sid, n, m) @ #j",
                                         "==> (Ex Y Z #j. Say(B, Y, sid, n, m) @ #j"),
    "a function in a lemma": ("Stolen(V) @ #c)\"\n\n/* Not", "Stolen(pk(V)) @ #c)\"\n\n/* Not"),
    "a timepoint that is free": ("Hear(A, X, B, sid, n, m) @ #k", "Hear(A, X, B, sid, n, m) @ #z"),
    "an unknown attribute": ("lemma unknown_key_share:", "lemma unknown_key_share [reused]:"),
    "nothing ends it": ("\nend\n", "\n"),
}


# Each attack is a run that the theory as it stands refuses. With one check gone (the changes) it
# goes through, and breaks the lemmas named. An attack without lemmas shows the check alone.
# name -> (theory, (story, options), changes, lemmas)
_TDH_LOW = "key = h(<'tdh', Y^~a, 'g'^~b^~x, Y^~x,"
_TDH_HIGH = "key = h(<'tdh', 'g'^~b^~x, Y^~a, Y^~x,"
_ACCEPT_LOW = """rule Accept_low:
  let
    auth = kdf(K, <'auth', sid, 'high', 'low', s>)
  in
"""
_ELSEWHERE = [('@ #i & Testified(x, tid) @ #j & #i < #j ==> sid = tid"',
               '@ #i & Testified(x, tid) @ #j & #i < #j ==> #i < #j"')]
_NEVER_BOTH = '@ #i & Switched(x, tid) @ #j ==> F"'
# The three WITNESSes that Reveal_check asks for, and what follows when one is not asked for.
_TARGETS = "    Eq(verify(gt, h(<'witness', sid, target, slots, mt>), u), true),\n"
_ONES = "    Eq(verify(gj, h(<'witness', sid, j, slots, mj>), v), true),\n"
_OTHERS = "    Eq(verify(gk, h(<'witness', sid, k, slots, mk>), w), true),\n"
_FOUND = ["confidentiality", "forward_secrecy", "no_reveal_after_check_beside_a_session",
          "reveal_after_check_needs_every_witness"]
MUTANTS = {
    "auth is not checked": (
        "pairwise", (stories.pair_with_a_changed_part, {"part": 2, "say": True}),
        [(_ACCEPT_LOW, "rule Accept_low:\n")],
        ["participant_authenticity", "origin_authenticity"],
    ),
    "the signature of a SHARE is not checked": (
        "pairwise", (stories.pair_with_a_changed_part, {"part": 0}),
        [("Eq(verify(sig, h(<'share', sid, 'high', w>), u), true), ", "")],
        ["origin_authenticity_share"],
    ),
    "the neutral element is taken for a key": (
        "pairwise", (stories.pair_with_neutral_key, {}),
        [("--[ Neq(Y, DH_neutral), Neq('g'^~a, 'g'^~b) ]->\n  [ !Low(",
          "--[ Neq('g'^~a, 'g'^~b) ]->\n  [ !Low(")],
        [],
    ),
    "TDH without the long-term key of the peer": (
        "pairwise", (stories.pair_impersonated, {"leak": "", "tdh": "no A"}),
        [(_TDH_LOW, "key = h(<'tdh', Y^~a, 'none', Y^~x,"),
         (_TDH_HIGH, "key = h(<'tdh', 'none', Y^~a, Y^~x,")],
        ["participant_authenticity", "confidentiality_pair"],
    ),
    "key compromise impersonation is not excluded by TDH with static keys alone": (
        "pairwise", (stories.pair_impersonated, {"leak": "a", "tdh": "static"}),
        [(_TDH_LOW, "key = h(<'tdh', 'g'^~b^~a, 'none', Y^~x,"),
         (_TDH_HIGH, "key = h(<'tdh', 'g'^~b^~a, 'none', Y^~x,")],
        ["participant_authenticity"],
    ),
    "TDH without the product of the one-time keys": (
        "pairwise", (stories.pair_corrupted_later, {}),
        [(_TDH_LOW, "key = h(<'tdh', Y^~a, 'g'^~b^~x, 'none',"),
         (_TDH_HIGH, "key = h(<'tdh', 'g'^~b^~x, Y^~a, 'none',")],
        ["forward_secrecy_pair", "confidentiality_pair"],
    ),
    "TDH that covers none of its ends, with the neutral element": (
        "pairwise", (stories.pair_shares_a_key, {}),
        [("Y^~x, 'g'^~a, 'g'^~x, 'g'^~b, Y>)\n  in\n  [ !Keys(~a, ~x, ~t), !Id('g'^~b), In(Y) ]\n"
          "--[ Neq(Y, DH_neutral), ", "Y^~x>)\n  in\n  [ !Keys(~a, ~x, ~t), !Id('g'^~b), In(Y) ]"
          "\n--[ "),
         ("key = h(<'tdh', Y^~a, 'g'^~b^~x,", "key = h(<'tdh', Y^~a, Y,")],
        ["unknown_key_share"],
    ),
    "s is signed by nothing that is checked": (
        "pairwise", (stories.pair_hears_another, {}),
        [("Eq(verify(sig, h(<'message', sid, index, $counter, m>), s), true),", "")],
        ["origin_authenticity"],
    ),
    "the ring need not close": (
        "ring", (stories.ring_that_does_not_close, {}),
        [("    z2 = d2 XOR d0 XOR z1\n", "")],
        [],
    ),
    "z is one edge in the clear": (
        "ring", (stories.ring, {"confirm": (0,), "switch": ()}),
        [("rule Share_0:\n  let\n    z = kdf(~k02, <'gke', sid, '2'>) XOR kdf(~k01, <'gke', sid, "
          "'0'>)", "rule Share_0:\n  let\n    z = kdf(~k01, <'gke', sid, '0'>)")],
        ["confidentiality_ring"],
    ),
    "c is not checked": (
        "ring", (stories.ring, {"forge": True, "switch": (0,)}),
        [("  [ !Waiting_0(~g, sid, S),\n    In(<kdf(kdf(S, 'confirm'), '1'), kdf(kdf(S, "
          "'confirm'), '2')>) ]", "  [ !Waiting_0(~g, sid, S), In(any) ]")],
        ["room_consistency_ring"],
    ),
    "S does not cover sid": (
        "ring", (stories.ring_in_two_sids, {}),
        [("S = h(<'key', sid, shares, 'psk', d0, d0 XOR z1, d2>)", "S = 'key'")],
        ["confidentiality_ring", "unknown_key_share_ring"],
    ),
    "a REVEAL is answered in one sid after CONFIRM in another": (
        "exchange", (exchange_stories.reveal_elsewhere_after_confirm, {}),
        _ELSEWHERE, ["confidentiality", "forward_secrecy", "revealed_failed_exchange"],
    ),
    "a WITNESS, too, is posted in one sid after CONFIRM in another": (
        "exchange", (check_stories.testimony_elsewhere_after_confirm, {}),
        _ELSEWHERE, ["confidentiality", "forward_secrecy", "revealed_failed_exchange"],
    ),
    "a SHARE with an x that was shown": (
        "exchange", (exchange_stories.joiners_key_in_two_sids, {}),
        [("@ #i & Served(x, tid) @ #j ==> #j < #i", "@ #i & Served(x, tid) @ #j ==> x = x"),
         ("@ #i & Confirmed(x, tid) @ #j ==> #j < #i",
          "@ #i & Confirmed(x, tid) @ #j ==> x = x"),
         ('@ #i & Switched(x, tid) @ #j ==> F"', '@ #i & Switched(x, tid) @ #j ==> x = x"')],
        ["confidentiality", "revealed_failed_exchange"],
    ),
    "a member that doubts sends CONFIRM all the same": (
        "exchange", (exchange_stories.reveal_after_doubt, {}),
        [('Doubted(x, sid) @ #i & Confirmed(x, sid) @ #j ==> F"',
          'Doubted(x, sid) @ #i & Confirmed(x, sid) @ #j ==> not (#i = #j)"')],
        ["confidentiality"],
    ),
    "ABORT(check) is answered without WITNESSes": (
        "exchange", (check_stories.reveal_beside_a_session, {}),
        [(_TARGETS + _ONES + _OTHERS + "    Eq(mt, 'yes'), ", "    ")], _FOUND,
    ),
    "the WITNESS of the target is not checked": (
        "exchange", (check_stories.reveal_beside_a_session, {"target": 2}),
        [(_TARGETS, "")], _FOUND,
    ),
    "the WITNESS of one who is not the target is not checked": (
        "exchange", (check_stories.reveal_beside_a_session, {"last": 1}), [(_ONES, "")], _FOUND,
    ),
    "nor that of the other": (
        "exchange", (check_stories.reveal_beside_a_session, {"last": 2}), [(_OTHERS, "")], _FOUND,
    ),
    "who has switched posts a WITNESS": (
        "exchange",
        (check_stories.reveal_beside_a_session, {"witness": "after it switched"}),
        [(_NEVER_BOTH, _NEVER_BOTH.replace("F", "#j < #i"))],
        ["confidentiality", "forward_secrecy", "no_reveal_after_check_beside_a_session"],
    ),
    "who has posted a WITNESS switches": (
        "exchange",
        (check_stories.reveal_beside_a_session, {"witness": "before it switched"}),
        [(_NEVER_BOTH, _NEVER_BOTH.replace("F", "#i < #j"))],
        ["confidentiality", "forward_secrecy", "no_reveal_after_check_beside_a_session"],
    ),
    "slots are not compared": (
        "exchange", (check_stories.slots_differ, {"told": True}),
        [("h(<'witness', sid, k, slots, mk>)", "h(<'witness', sid, k, mk>)")],
        ["reveal_after_check_needs_every_witness"],
    ),
    "the target need not say that its CONFIRM is its own": (
        "exchange", (check_stories.target_disowns, {}), [("    Eq(mt, 'yes'), ", "    ")],
        ["reveal_after_check_needs_every_witness"],
    ),
    "a WITNESS without an ABORT": (
        "exchange", (check_stories.witness_without_abort, {}),
        [("--[ Neq(k, target), Eq(verify(g, h(<'abort', sid, k, 'check', target>), u), true),\n",
          "--[ Neq(k, target),\n")],
        [],
    ),
    "c is not checked by the first": (
        "exchange", (exchange_stories.switch_without_c, {}),
        [("In(<np, gp, kdf(kdf(S, 'confirm'), '1')>), In(<nq, gq, kdf(kdf(S, 'confirm'), '2')>) "
          "]\n--[ Eq(verify(gp, h(<'confirm', sid, '1', np>), tp), true), Eq(mp, h(<'next', sid, "
          "'1', np>)),\n    Eq(verify(gq, h(<'confirm', sid, '2', nq>), tq)",
          "In(<np, gp, cp>), In(<nq, gq, cq>) ]\n"
          "--[ Eq(verify(gp, h(<'confirm', sid, '1', np>), tp), true), Eq(mp, h(<'next', sid, '1',"
          " np>)),\n    Eq(verify(gq, h(<'confirm', sid, '2', nq>), tq)")],
        ["room_consistency"],
    ),
    "auth is not checked by the first": (
        "exchange", (exchange_stories.exchange_with_another_s, {}),
        [("fp = <zp, mp, gp, sp, kdf(Kp, <'auth', sid, '1', '0', sp>), op>",
          "fp = <zp, mp, gp, sp, ap, op>")],
        ["origin_authenticity_of_three"],
    ),
    "a ROSTER without the ticket": (
        "join", (exchange_stories.stranger_makes_roster, {"leak": False, "ticket": False}),
        [("slot = <kdf(~ticket, W), senc(<W, E>, kdf(W^~x, <'wrap', ~ticket>))>",
          "slot = <W, senc(<W, E>, kdf(W^~x, <'wrap', W>))>")],
        ["room_consistency_of_roster"],
    ),
    "an invitation that anyone can seal": (
        "join", (exchange_stories.stranger_invites, {}),
        [("k2 = kdf('g'^~i^~a, <'invitation', k1, Ye, 'g'^~i, 'g'^~a>)",
          "k2 = kdf('none', <'invitation', k1, Ye, 'g'^~i, 'g'^~a>)")],
        ["origin_authenticity_of_invitation"],
    ),
    "contents of an invitation in the clear": (
        "join", (exchange_stories.guest_joins, {"until": "invite"}),
        [("Out(<'g'^~e, senc(<head, 'g'^~a>, k1), senc(<head, $room, ~id, ~k>, k2)>) ]",
          "Out(<'g'^~e, senc(<head, 'g'^~a>, k1), <head, $room, ~id, ~k>>) ]"),
         ("    k2 = kdf('g'^~b^~a, <'invitation', k1, 'g'^~e, 'g'^~a, 'g'^~b>)\n", "")],
        ["confidentiality_of_invitation"],
    ),
    "the same y twice": (
        "join", (exchange_stories.guest_joins_twice, {}),
        [('Taken(k, y) @ #j ==> #i = #j"', 'Taken(k, y) @ #j ==> k = k"')],
        ["participant_authenticity_of_join"],
    ),
    "E wrapped under the ticket alone": (
        "join", (exchange_stories.guest_joins, {"leak": True, "until": "propose"}),
        [("slot = <kdf(ticket, W), senc(<W, ~E>, kdf(Y^wrap, <'wrap', ticket>))>",
          "slot = <kdf(ticket, W), senc(<W, ~E>, kdf(ticket, 'wrap'))>")],
        ["confidentiality_of_roster"],
    ),
    "the next exchange uses the same keys": (
        "healing", (stories.healing, {"plan": "start switch steal-old start switch start switch"}),
        [("Idle(~g, ~f, ~n0, ~n1, ~n2), !Session", "Idle(~g, ~f, ~x0, ~x1, ~x2), !Session"),
         ("Switch(~g, ~f, S), Wiped(~x0), Wiped(~x1), Wiped(~x2) ]", "Switch(~g, ~f, S) ]")],
        ["healing"],
    ),
    "x is not wiped at the switch": (
        "healing", (stories.healing, {"plan": "start switch steal-old"}),
        [("Switch(~g, ~f, S), Wiped(~x0), Wiped(~x1), Wiped(~x2) ]", "Switch(~g, ~f, S) ]")],
        ["forward_secrecy_of_session"],
    ),
    "after an ABORT the committed keys are used, and shown": (
        "healing", (stories.healing, {"plan": "start abort start switch"}),
        [("Out(<~x0, ~x1, ~x2, 'g'^~m0", "Out(<~m0, ~m1, ~m2, 'g'^~m0")],
        ["revealed_failed_exchange_in_a_row"],
    ),
}
