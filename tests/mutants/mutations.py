# ruff: noqa: E501 (lines of the code under test are as long as they are)
"""The checks of the protocol core, each with what disables it: for `make mutants`.

`row`: the row of the table "What it must give" (lib/mpseq/PROTOCOL.md) that it holds up; `tests`:
the modules of tests/core that should notice.
"""

from typing import NamedTuple


class Mutation(NamedTuple):
    row: str
    name: str
    file: str
    old: str | tuple
    new: str | tuple
    tests: tuple = ()


CONFIDENTIALITY = "confidentiality"
PARTICIPANTS = "participant authenticity"
ORIGIN = "origin authenticity"
DENIABILITY = "deniability"
FORWARD = "forward secrecy"
HEALING = "healing"
ROOM = "room consistency"
TRANSCRIPT = "transcript consistency"
CHEATERS = "cheater identification"
STRANGERS = "no stranger can disturb"

MUTATIONS = [
    Mutation(
        PARTICIPANTS, "auth is not checked", "exchange",
        "return None if equal(mine, _part(auths, index, self.me)) else (AUTH, index)",
        "return None",
        ("test_cheaters",),
    ),
    Mutation(
        PARTICIPANTS, "auth does not cover who speaks to whom", "exchange",
        'b"auth", self.sid, bytes((i, j)), statement)', 'b"auth", self.sid, statement)',
        ("test_conformance",),
    ),
    Mutation(
        PARTICIPANTS, "an all-zero Diffie-Hellman result is taken", "primitives",
        "    if mc.verify32(out, _ZERO_KEY):\n        raise errors.AllZeroSecret()\n", "",
        ("test_keys",),
    ),
    Mutation(
        PARTICIPANTS, "X25519 keys of small order are taken", "primitives",
        " or key in _SMALL_U:", ":",
        ("test_keys",),
    ),
    Mutation(
        PARTICIPANTS, "EdDSA keys of small order are taken", "primitives",
        "    if y in _SMALL_Y:\n        raise errors.BadPublicKey()\n", "",
        ("test_keys",),
    ),
    Mutation(
        PARTICIPANTS, "a JOIN of another key is taken", "invitation",
        "        if guest.key != self.key:\n            raise errors.Stranger()\n", "",
        ("test_bad_guests",),
    ),
    Mutation(
        ORIGIN, "the signature of a message is not checked", "session",
        "            verify(view[:SIGNATURE], public, digest)\n", "",
        ("test_forging",),
    ),
    Mutation(
        ORIGIN, "the signature of a message does not cover its session", "session",
        'b"message", self.sid, frame[_HEAD : _HEAD + 1], frame[_HEAD + 1 : at],\n'
        "                view[SIGNATURE:],",
        'b"message", b"", frame[_HEAD : _HEAD + 1], frame[_HEAD + 1 : at],\n'
        "                view[SIGNATURE:],",
        ("test_forging",),
    ),
    Mutation(
        ORIGIN, "the signature of a SHARE is not checked", "exchange",
        "            verify(signature, self.people[index].t, digest)\n            if filled:",
        "            if filled:",
        ("test_bad_insiders",),
    ),
    Mutation(
        ORIGIN, "the signature of a CONFIRM is not checked", "exchange",
        '            verify(signature, self.people[index].t, digest)\n            try:',
        "            try:",
        ("test_bad_insiders",),
    ),
    Mutation(
        ORIGIN, "the signature of an ABORT or REVEAL is not checked", "exchange",
        "        verify(signature, self.people[index].t, H(tag, self.sid, bytes((index,)), body.data))\n",
        "",
        ("test_cheaters",),
    ),
    Mutation(
        CONFIDENTIALITY, "the psk is not compared", "rounds",
        "            if not equal(proposal.check, self.room.psk_check(proposal.nonce)):\n"
        "                raise errors.OtherPsk()\n",
        "",
        ("test_control",),
    ),
    Mutation(
        CONFIDENTIALITY, "a guest does not compare the psk", "roster",
        "    if not equal(check, room.psk_check(nonce)):\n        raise errors.OtherPsk()\n", "",
        ("test_joining",),
    ),
    Mutation(
        CONFIDENTIALITY, "x is shown while somebody may have switched", "judgement",
        "        self.may_reveal = reason != CHECK\n", "        self.may_reveal = True\n",
        ("test_testimony",),
    ),
    Mutation(
        CONFIDENTIALITY, "a guest shows the x of what it confirmed elsewhere", "attempt",
        "        elsewhere = self._confirmed()", "        elsewhere = False",
        ("test_testimony",),
    ),
    Mutation(
        CONFIDENTIALITY, "texts go on while somebody is due for removal", "talk",
        "        if self._membership.due() or not self._span_open:",
        "        if not self._span_open:",
        ("test_leaving",),
    ),
    Mutation(
        CONFIDENTIALITY, "keys live for ever", "talk",
        "        return now < self._since + 2 * settings.rekey_after", "        return True",
        ("test_rekeying",),
    ),
    Mutation(
        CONFIDENTIALITY, "keys serve any number of frames", "talk",
        "        if self.session.count >= 2 * settings.rekey_frames:\n            return False\n", "",
        ("test_rekeying",),
    ),
    Mutation(
        FORWARD, "a chain stays where it is", "session",
        '        kdf(self._chain(index), chain, b"chain")\n', "",
        ("test_talking",),
    ),
    Mutation(
        FORWARD, "my own chain stays where it is", "session",
        '        kdf(chain, chain, b"chain")\n        self._counters[me]',
        "        self._counters[me]",
        ("test_talking",),
    ),
    Mutation(
        FORWARD, "S is kept", "exchange",
        '            kdf(self._slot(self.chains, i), group, b"chain", bytes((i,)))\n        wipe(group)\n',
        '            kdf(self._slot(self.chains, i), group, b"chain", bytes((i,)))\n',
    ),
    Mutation(
        FORWARD, "x is kept after the switch", "exchange",
        "        if not keep_keys and self.keys:\n            self.keys.wipe()\n", "",
    ),
    Mutation(
        FORWARD, "old chains are kept after the switch", "talk",
        "        old.wipe()\n", "",
    ),
    Mutation(
        FORWARD, "y of an aborted exchange serves the next", "failures",
        "        self.session.keys.wipe()\n        self.session.keys = KeyPairs(self._random)\n", "",
        ("test_cheaters",),
    ),
    Mutation(
        HEALING, "commitments are not compared", "exchange",
        "            if self._commitment(index, y, t) != self._slot(self._commits, index):\n"
        "                raise errors.BadCommitment(index)\n",
        "",
        ("test_bad_insiders",),
    ),
    Mutation(
        HEALING, "a re-key by the same member twice", "membership",
        "        return len(self.members) > 1 and last_rekey == self.members[author].key",
        "        return False",
        ("test_rekeying",),
    ),
    Mutation(
        ROOM, "c is not checked", "exchange",
        "            if self._confirm_key and not equal(self.check(self._confirm_key, index), check):\n",
        "            if False:\n",
        ("test_cheaters",),
    ),
    Mutation(
        ROOM, "the sid does not cover the nicks and keys", "roster",
        "nonce, size, *listed)", "nonce, size)",
        ("test_conformance",),
    ),
    Mutation(
        ROOM, "another ROSTER than mine starts an exchange", "rounds",
        "            if not attempt or attempt.roster != frame:", "            if not attempt:",
        ("test_bad_guests",),
    ),
    Mutation(
        ROOM, "a guest takes a ROSTER with other keys of its own", "roster",
        "    if me < 0 or people[me].y != keys.y or people[me].t != keys.t:",
        "    if me < 0:",
        ("test_bad_guests",),
    ),
    Mutation(
        ROOM, "a guest takes a ROSTER without its inviter", "roster",
        "    if creator != room.creator or find(people, inviter) < 0:",
        "    if creator != room.creator:",
        ("test_bad_guests",),
    ),
    Mutation(
        ROOM, "a roster may have a nick twice", "roster",
        "        if not last < who.key or who.nick in nicks:", "        if not last < who.key:",
        ("test_control",),
    ),
    Mutation(
        ROOM, "a PROPOSE removes whom it likes", "membership",
        "            if not due or list(proposal.removed) != due:", "            if not due:",
        ("test_control",),
    ),
    Mutation(
        ROOM, "a PROPOSE supersedes the running exchange", "rounds",
        "        if self._attempt or self._trial_waits():\n            raise errors.OutOfPlace()\n",
        "",
        ("test_control",),
    ),
    Mutation(
        ROOM, "SHAREs count before the ROSTER", "rounds",
        "        elif not attempt.started:\n            raise errors.OutOfPlace()\n", "",
        ("test_bad_insiders",),
    ),
    Mutation(
        TRANSCRIPT, "acknowledged hashes are not compared", "session",
        "        return EQUAL if self._ring[at : at + _ACK_H] == message.ack_h else DIFFERENT",
        "        return EQUAL",
        ("test_transcript",),
    ),
    Mutation(
        TRANSCRIPT, "an acknowledgement may go back", "session",
        "        if n > count or n < self._ack_n[message.index]:", "        if n > count:",
        ("test_transcript",),
    ),
    Mutation(
        TRANSCRIPT, "an acknowledgement older than the ring confirms", "session",
        "            return TOO_OLD\n", "            return EQUAL\n",
        ("test_transcript",),
    ),
    Mutation(
        TRANSCRIPT, "what the sender has seen is confirmed by all", "talk",
        "                level = min(level, session.acked[index])\n", "                pass\n",
        ("test_talking", "test_transcript"),
    ),
    Mutation(
        TRANSCRIPT, "gaps are not told", "talk",
        "        if message.skipped:\n", "        if False:\n",
        ("test_transcript",),
    ),
    Mutation(
        TRANSCRIPT, "a text posted again shows twice", "talk",
        "        if not mark or not self._was_shown(mark, message.index):\n", "        if True:\n",
        ("test_span",),
    ),
    Mutation(
        CONFIDENTIALITY, "suite 2: the tag is not compared", "primitives",
        "        if not equal(_tag(ad, sealed[:size]), sealed[size:]):\n            raise errors.BadSeal()\n",
        "",
        ("test_suite_2",),
    ),
    Mutation(
        CONFIDENTIALITY, "suite 2: the tag does not cover the associated data", "primitives",
        "    return mac(TAG, _scratch_mac, ad, sealed)", "    return mac(TAG, _scratch_mac, sealed)",
        ("test_suite_2",),
    ),
    Mutation(
        CONFIDENTIALITY, "suite 2: one counter block for all", "aes_ctr",
        "            block[digit] = (block[digit] + 1) & 255\n",
        "            block[digit] = (block[digit] + 256) & 255\n",
        ("test_suite_2",),
    ),
    Mutation(
        FORWARD, "suite 2: derived keys stay", "primitives",
        "    wipe(_scratch_aes)\n    wipe(_scratch_mac)\n", "    pass\n",
        ("test_suite_2",),
    ),
    Mutation(
        ROOM, "a runtime without AES joins all the same", "primitives",
        "        if not aes_ctr.available():\n", "        if False:\n",
        ("test_suite_2",),
    ),
    Mutation(
        ROOM, "the session id does not cover the suite", "roster",
        "        fixed = bytes((wire.VERSION, self.suite, self.policy))",
        "        fixed = bytes((wire.VERSION, 1, self.policy))",
        ("test_suite_2",),
    ),
    Mutation(
        TRANSCRIPT, "a long text is not compared with its digest", "parts",
        "        if not one.fits():\n            self._give_up(one)\n            return None\n", "",
        ("test_parts_insiders",),
    ),
    Mutation(
        TRANSCRIPT, "a long text posted again shows twice", "parts",
        "        if mark in self._shown:\n            return None\n", "",
        ("test_parts_insiders",),
    ),
    Mutation(
        TRANSCRIPT, "half a long text in one session, half in the next", "talk",
        "        for text in texts:\n            if isinstance(text, Long):\n                text.restart()\n",
        "",
        ("test_parts_span",),
    ),
    Mutation(
        TRANSCRIPT, "a lost part is not posted again", "talk",
        "            elif message.kind == wire.PART:\n                self._part_failed(message)\n", "",
        ("test_parts",),
    ),
    Mutation(
        STRANGERS, "unfinished long texts take any memory", "parts",
        "            if other is not one and other.size and self.size > self._together:\n",
        "            if False:\n",
        ("test_parts_insiders",),
    ),
    Mutation(
        STRANGERS, "a long text of any length is taken", "parts",
        "            if part.total > self._most + _FRONT:\n", "            if False:\n",
        ("test_parts_insiders",),
    ),
    Mutation(
        STRANGERS, "parts of any size", "parts",
        "        if len(self.chunk) != min(CHUNK, self.total - self.offset):\n",
        "        if len(self.chunk) > self.total - self.offset:\n",
        ("test_parts_insiders",),
    ),
    Mutation(
        TRANSCRIPT, "a text after the last SHARE counts at once", "talk",
        "        if self._span_open:\n            self._show_text(text, now)\n            return\n",
        "        if True:\n            self._show_text(text, now)\n            return\n",
        ("test_span",),
    ),
    Mutation(
        TRANSCRIPT, "voided texts reach people who are new", "talk",
        "        if joined:\n            self._tell_unsent(texts)\n            texts = []\n", "",
        ("test_span",),
    ),
    Mutation(
        STRANGERS, "the filter is not checked", "session",
        "        if not self.concerns(frame):\n            raise errors.Stranger()\n        message",
        "        message",
        ("test_strangers",),
    ),
    Mutation(
        STRANGERS, "a counter may jump as far as it likes", "session",
        "        if counter - expected > MAX_SKIP:\n            raise errors.SkippedTooFar()\n", "",
        ("test_forging", "test_strangers"),
    ),
    Mutation(
        STRANGERS, "a late frame is opened again", "session",
        "        if counter < expected:\n            raise errors.Duplicate()\n", "",
        ("test_talking",),
    ),
    Mutation(
        STRANGERS, "a second encoding of a varint is taken", "wire",
        "        if value == 0x80:\n            raise errors.BadVarint()\n", "",
        ("test_wire",),
    ),
    Mutation(
        STRANGERS, "padding may hold anything", "wire",
        "            if self.data[at]:\n                raise errors.BadPadding()\n",
        "            pass\n",
        ("test_wire", "test_forging"),
    ),
    Mutation(
        STRANGERS, "bytes may trail", "wire",
        "        if self.at != len(self.data):\n            raise errors.TrailingBytes()\n",
        "        pass\n",
        ("test_wire",),
    ),
    Mutation(
        STRANGERS, "a frame may have any size", "wire",
        "    if len(frame) > MAX_FRAME:\n        raise errors.Oversized()\n", "",
        ("test_wire", "test_strangers"),
    ),
    Mutation(
        STRANGERS, "another version is taken for ours", "wire",
        "    if frame[0] >> 4 != VERSION:\n        raise errors.WrongVersion()\n", "",
        ("test_wire",),
    ),
    Mutation(
        STRANGERS, "a y may come twice", "invitation",
        "        if y[:8] in self._seen:\n            raise errors.Duplicate()\n", "",
        ("test_bad_guests",),
    ),
    Mutation(
        STRANGERS, "the seal of a JOIN's header is not checked", "invitation",
        "        if not equal(mac(8, self.k, b\"join\", memoryview(frame)[_JOIN_HEAD:]), "
        "frame[1:_JOIN_HEAD]):\n            raise errors.Stranger()\n",
        "",
        ("test_bad_guests", "test_strangers"),
    ),
    Mutation(
        STRANGERS, "invitations are opened without a limit", "conversation",
        "        if self._openings == 0:\n            return False\n", "",
        ("test_strangers",),
    ),
    Mutation(
        CHEATERS, "z need not add up", "exchange",
        "        if total != bytes(KEY):\n            self.failure = self.failure or (RING, 0)\n", "",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "an exchange completes with one who is convicted", "exchange",
        "        return bool(self.failure or self.spoilt)", "        return bool(self.failure)",
        ("test_insider_copies",),
    ),
    Mutation(
        CHEATERS, "z are not judged", "judgement",
        "                        self.guilty.append(i)\n                        break\n",
        "                        break\n",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "a disputed auth is always its author's fault", "judgement",
        "            if holds:\n                self.guilty.append(self.author)\n            elif",
        "            if",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "who cries for nothing goes free", "judgement",
        "            if not self.guilty and not self.disowned:\n"
        "                self.guilty.append(self.author)\n",
        "",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "convicted although the slots differ", "judgement",
        (
            "        self._mine[author] = mine\n        if digest != self.exchange.digest:\n            self.differs.append(author)\n",
        ),
        (
            "        self._mine[author] = mine\n",
        ),
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "convicted for a frame that it disowns", "judgement",
        "        return not self._mine[index] & slot", "        return False",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "any x will do in a REVEAL", "exchange",
        "        if bytes(mc.x25519_public_key(x)) != self.people[author].y:\n"
        "            raise errors.BadReveal()\n",
        "",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "ABORT(removed) needs no reason", "failures",
        "            if not membership.was_due(who, k, self.session.count):",
        "            if False:",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "silence is for ever", "watch",
        "            if now < at:\n                self._wake_at(at)\n                continue\n",
        "            continue\n",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "a SUSPECT needs no open debt", "watch",
        "        if not self._owes(author, target, kind, debt):\n"
        "            raise errors.OutOfPlace()\n",
        "",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "a suspicion stands although the debt is paid", "watch",
        "            suspicions.keep(self._owes)\n", "            pass\n",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "a colluder that suspects nobody is let be", "watch",
        "                if target != about and not membership.suspicions.suspects(target, about):",
        "                if False:",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "fresh KEYS are not waited for", "membership",
        "        if author in due or self.keys_missing():", "        if author in due:",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "guests of one inviter may fail for ever", "membership",
        "        if self._failures[author] + self._old_failures[author] >= _MOST_FAILED:\n            return False\n", "",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "an expelled member's vote counts", "membership",
        "            self.remove(target)  # and votes no more\n", "            break\n",
        ("test_cheaters",),
    ),
    Mutation(
        CHEATERS, "a void member's messages count", "talk",
        "            raise errors.OutOfPlace()  # section 6: a void member's messages count for nothing\n",
        "            pass\n",
        ("test_leaving", "test_cheaters"),
    ),
    Mutation(
        DENIABILITY, "the signature of a SHARE reaches s", "exchange",
        (
            'self.keys.t_secret, H(b"share", self.sid, bytes((me,)), z, commit)\n        )\n        s = self.statement[1]\n',
            'digest = H(b"share", self.sid, bytes((index,)), z, commit)',
        ),
        (
            'self.keys.t_secret, H(b"share", self.sid, bytes((me,)), z, commit, self.statement[1])\n        )\n        s = self.statement[1]\n',
            'digest = H(b"share", self.sid, bytes((index,)), z, commit, s)',
        ),
    ),
    Mutation(
        ROOM, "anybody invites whatever the policy", "membership",
        "        return self._policy != CREATOR or author == self._creator or (\n"
        "            self._creator not in self.group\n        )",
        "        return True",
        ("test_cheaters",),
    ),
    Mutation(
        ROOM, "unanimity is not asked for", "membership",
        "            if not self.is_approved(guest.key, author):\n"
        "                raise errors.OutOfPlace()\n",
        "",
        ("test_cheaters",),
    ),
    Mutation(
        STRANGERS, "a guest shows its hand in any ROSTER", "failures",
        "        if attempt.invitation and not attempt.is_vouched_for():\n"
        "            return  # a stranger's ROSTER, for all I know (5.3)\n",
        "",
        ("test_bad_guests",),
    ),
    Mutation(
        CHEATERS, "somebody else's having been due justifies a removal", "membership",
        "            if known == who:\n                return first <= k", "            if True:\n                return first <= k",
        ("test_review_failures",),
    ),
    Mutation(
        CHEATERS, "one is due and back without end", "membership",
        "            if self._returns[index] >= _RETURNS:", "            if False:",
        ("test_review_failures",),
    ),
    Mutation(
        CHEATERS, "a CANCEL drops another inviter's guest of the same key", "inviting",
        "            if replaced or guest.inviter == self._member(inviter).key:", "            if True:",
        ("test_review_guests",),
    ),
    Mutation(
        CHEATERS, "a CANCEL drops nobody from a running exchange", "inviting",
        "                self._membership.drop(key, excused=replaced)", "                pass",
        ("test_review_guests",),
    ),
    Mutation(
        CHEATERS, "who refuses its successor costs the inviter", "membership",
        "        if inviter >= 0 and guest.key not in self._excused:", "        if inviter >= 0:",
        ("test_review_guests",),
    ),
    Mutation(
        CHEATERS, "a guest's first strike is free", "failures",
        "        if isinstance(person, Guest):\n            self._guest_failed(person)\n        else:\n            self._membership.strike",
        "        if not isinstance(person, Guest):\n            self._membership.strike",
        ("test_insider_aborts",),
    ),
    Mutation(
        CHEATERS, "a guest that fails in two ways counts twice", "membership",
        "        if guest.key in self._counted:\n            return False\n", "",
        ("test_review_guests",),
    ),
    Mutation(
        CHEATERS, "KEYS do not wait for guests that have to testify", "failures",
        "        self._keys_at = now + _GUESTS_REVEAL if self._owing_guests() else now", "        self._keys_at = now",
        ("test_review_guests",),
    ),
    Mutation(
        CHEATERS, "a false admission spends the JOIN that another inviter has", "invitation",
        "        if self.guest and self.guest.y == y:", "        if self.guest:",
        ("test_review_guests",),
    ),
    Mutation(
        FORWARD, "a sid is served again when its exchange was crowded out", "attempt",
        "            if sid[:16] in joining.served:",
        "            if sid in [one.exchange.sid for one in self._candidates]:",
        ("test_review_guests",),
    ),
    Mutation(
        CHEATERS, "a false ROSTER of fewer people hides the true one", "exchange",
        "        head = bytes(frame[:_HEAD])\n        sealed = memoryview(frame)[_HEAD:]\n        plain = unseal_once(self.suite, self.secret, tag, (self.sid, head[5:]), head, sealed)\n        if frame[5] >= len(self.people):\n            raise errors.BadIndex()\n        return frame[5], plain",
        "        if frame[5] >= len(self.people):\n            raise errors.BadIndex()\n        head = bytes(frame[:_HEAD])\n        sealed = memoryview(frame)[_HEAD:]\n        plain = unseal_once(self.suite, self.secret, tag, (self.sid, head[5:]), head, sealed)\n        return frame[5], plain",
        ("test_insider_rosters",),
    ),
    Mutation(
        ROOM, "an old device goes before anybody can have cried", "rounds",
        "_LAST_LOOK = 20000", "_LAST_LOOK = 0",
        ("test_review_guests",),
    ),
    Mutation(
        ROOM, "guests that are ready do not come behind their INVITE", "inviting",
        "        self._admit_at_once(now)\n", "",
        ("test_insider_words",),
    ),
    Mutation(
        ROOM, "one member can take all 64 invitations", "membership",
        "            if shares[author] == shares[most]:", "            if True:",
        ("test_inviting",),
    ),
    Mutation(
        TRANSCRIPT, "my text that nobody keeps is not said again", "talk",
        "                    self._void.append((text.counter, text_again(text, self.session.sid)))\n            raise",
        "                    pass\n            raise",
        ("test_review_failures",),
    ),
    Mutation(
        TRANSCRIPT, "a text that nobody keeps counts as shown after an ABORT", "talk",
        "            self._shown.gap(text.index, text.counter, text.counter)\n", "",
        ("test_review_failures",),
    ),
    Mutation(
        STRANGERS, "a changed copy of an INVITATION is a second one", "conversation",
        (
            "        if check_invitation(frame)[:8] in self._opened or frame in",
            "        self._opened.append(e)",
        ),
        (
            "        check_invitation(frame)\n        if frame in self._opened or frame in",
            "        self._opened.append(frame)",
        ),
        ("test_review_guests",),
    ),
    Mutation(
        STRANGERS, "a changed copy of an INVITATION that waited is a second one", "conversation",
        "            raise errors.Duplicate()  # a copy of one that waited\n", "            pass\n",
        ("test_review_guests",),
    ),
    Mutation(
        TRANSCRIPT, "a closing ACK dies with its exchange", "talk",
        "        if closing:\n            self._outbox.post(closing, now)\n", "",
        ("test_review_failures",),
    ),
    Mutation(
        TRANSCRIPT, "a closing ACK that the room has is said again", "talk",
        "            self._closing = None  # the room has it\n", "            pass\n",
        ("test_review_failures",),
    ),
    Mutation(
        CHEATERS, "a re-key forgets strikes", "rounds",
        "            self._membership.carry_over(before)\n", "            pass\n",
        ("test_insider_aborts",),
    ),
    Mutation(
        CHEATERS, "who is struck may re-key", "membership",
        "        elif self.someone_is_struck():\n            raise errors.OutOfPlace()  # first it has to go (7)\n", "",
        ("test_review_failures",),
    ),
    Mutation(
        CHEATERS, "who is parted from for its strikes counts as silent", "membership",
        "        if self.remove(index) and not self.struck(index):",
        "        if self.remove(index):",
        ("test_review_failures",),
    ),
    Mutation(
        STRANGERS, "a refused frame makes everyone go through the debts", "conversation",
        "        if self.session and moved:", "        if self.session:",
        ("test_review_failures",),
    ),
    Mutation(
        FORWARD, "E stays with one who is removed", "rounds",
        "            wipe(proposal.secret)\n            self._out(", "            self._out(",
        ("test_review_failures",),
    ),
    Mutation(
        TRANSCRIPT, "a part of mine that nobody keeps is not said again", "talk",
        "                if text.kind == wire.PART:\n                    self._part_failed(text)\n",
        "                if text.kind == wire.PART:\n                    pass\n",
        ("test_review_failures",),
    ),
    Mutation(
        TRANSCRIPT, "a closing ACK that a cheat took out of its CONFIRM is lost", "failures",
        "        self._post_closing(now)\n",
        "        if exchange.me >= 0 and exchange.opened[exchange.me] is None:\n            self._post_closing(now)\n",
        ("test_review_failures",),
    ),
]
