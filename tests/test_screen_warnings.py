"""Warnings on the screen of `mpseq chat`: they stay until somebody has seen them."""

import asyncio

from screens import joined, meet, story

from mpseq import events, fingerprint
from mpseq_aio.framing import clean
from mpseq_tools.chat import Console
from mpseq_tools.tui import marks, panes
from mpseq_tools.tui import room as room_of
from mpseq_tools.tui.entry import Entry
from mpseq_tools.tui.marks import looks
from mpseq_tools.tui.screens import QuestionScreen

KEY = bytes(range(32))


def test_each_warning_stays_until_it_is_dismissed(tmp_path, monkeypatch):
    async def tell(house):
        ana, ben = await house.sit_down("ana"), await house.sit_down("ben")
        await meet(ana, ben)
        key = bytes.fromhex(ben.key)
        mine = bytes.fromhex(ana.key)
        cases = [
            (events.Missing("ben", key, 3, 5), "messages 3 to 5 of ben never came"),
            (events.Inconsistent("ben", key, 9), "INCONSISTENT: ben saw another conversation"),
            (events.Unconfirmed(3, 4), "never confirmed by everyone"),
            (events.InviteSeen("ana", mine, "ben", key, True), "another device with your key"),
            (events.InviteSeen("ben", key, "ana", mine, True), "another device of ben"),
            (events.Replaced(), "taken your place"),
            (events.Expelled("ben", key), "ben is expelled"),
            (events.Convicted("ben", key, "two parts"), "proven to have cheated"),
            (events.CarrierInconsistent(), "shown different things"),
            (events.Left(True), "removed you"),
        ]
        for event, words in cases:
            ana.room.show(event)
            await ana.shows(words)  # in the log
            await ana.until(lambda: len(ana.alerts) == 1)
            assert ana.alerts[0].startswith("!!! WARNING: ") and words in ana.alerts[0]
            await ana.type("a text after it")
            await ana.pilot.press("f4")
            await ana.until(lambda: not ana.alerts)
            await ana.shows(words)  # and stays there
        # Several at once: all there, counted, each dismissed for itself.
        for event, _ in cases:
            ana.room.show(event)
        await ana.until(lambda: len(ana.alerts) == len(cases))
        pane = ana.app.query_one(panes.Alerts)
        assert str(pane.border_title) == f"{len(cases)} WARNINGS"
        second = ana.alerts[1]
        await ana.pilot.press("f4")
        await ana.until(lambda: ana.alerts and ana.alerts[0] == second)
        await ana.click("Alert Button")
        await ana.until(lambda: len(ana.alerts) == len(cases) - 2)
        # The same again and again does not push the others out.
        await ana.type("/dismiss all")
        await ana.until(lambda: not ana.alerts)
        ana.room.show(events.Inconsistent("ben", key, 9))
        for number in range(50):
            ana.room.show(events.Missing("ben", key, number, number))
        await ana.until(lambda: len(ana.alerts) == 2)
        assert "message 49 of ben" in ana.alerts[1] and "(50 times)" in ana.alerts[1]

    story(tmp_path, monkeypatch, tell)


def test_a_warning_of_another_room_is_seen_here(tmp_path, monkeypatch):
    async def tell(house):
        ana = await house.sit_down("ana", rooms_of=("garden", "kitchen"))
        ana.talk.rooms[1].show(events.CarrierInconsistent())
        await ana.until(lambda: ana.alerts)
        assert ana.alerts[0].startswith("!!! WARNING in kitchen: ")
        await ana.until(lambda: " 2 kitchen ! " in ana.tabs)

    story(tmp_path, monkeypatch, tell)


def test_a_known_name_with_another_key(tmp_path, monkeypatch):
    async def tell(house):
        ana = await house.sit_down("ana")
        ana.talk.people.verify(KEY, "ben")
        other = await house.sit_down("ben")
        key = bytes.fromhex(other.key)
        await meet(ana, other)
        await ana.until(lambda: any("KEY CHANGED: ben comes with" in one for one in ana.alerts))
        assert fingerprint(KEY) in ana.alerts[0] and fingerprint(key) in ana.alerts[0]
        assert len(ana.alerts) == 1
        await ana.until(lambda: "! ben" in ana.people and "KEY CHANGED" in ana.people)
        await other.type("it is me")
        await ana.shows(f"! ben [{fingerprint(key)[:9]}]: it is me")
        # An exchange later it is not said again, but the mark stays.
        await ana.pilot.press("f4")
        await ana.type("/rekey")
        await ana.shows("session 3")
        await ana.until(lambda: marks.show_code(ana.room.chat.code) in ana.code)
        assert not ana.alerts and "KEY CHANGED" in ana.people
        # Compared by voice, it is theirs.
        await ana.type("/verify ben " + "".join(ana.code.split(",")[0].split()[1:]))
        await ana.until(lambda: "+ ben" in ana.people)
        await ana.shows("+ ben: it is me")

    story(tmp_path, monkeypatch, tell)


def test_who_invites_under_a_known_name_is_looked_at(tmp_path, monkeypatch):
    async def tell(house):
        ana = await house.sit_down("ana")
        ana.talk.people.verify(KEY, "ben")
        ben = await house.sit_down("ben")
        await ben.type("/create trap")
        await ben.type(f"/invite ana {ana.key}")
        await ana.until(lambda: any("KEY CHANGED" in one for one in ana.alerts))
        pane = ana.app.query_one(panes.Invitations)
        await ana.until(lambda: pane.display)
        assert "NOT verified" in str(pane.query_one("Static").content)
        # Verified, the invitation says so.
        ana.talk.people.forget(KEY)
        ana.talk.people.verify(bytes.fromhex(ben.key), "ben")
        ana.app.changed(ana.room)
        await ana.until(lambda: "verified as ben" in str(pane.query_one("Static").content))

    story(tmp_path, monkeypatch, tell)


def test_names_that_look_alike(tmp_path, monkeypatch):
    for one, other in [
        ("ben", "BEN"), ("ana", "аnа"), ("bill", "biII"), ("bob", "b0b"), ("zoe", "zoё"),
        ("ann", "an n"), ("ana", "ána"), ("ana", "ana\u200d"),
    ]:  # fmt: skip
        assert looks(one) == looks(other), (one, other)
    for one, other in [("ben", "ana"), ("ben", "ben2"), ("анна", "anna"), ("李", "王")]:
        assert looks(one) != looks(other), (one, other)

    async def tell(house):
        ana = await house.sit_down("ana")
        ben, trick = await house.sit_down("ben"), await house.sit_down("bеn", home="eve")
        await meet(ana, ben, trick)
        await ana.until(lambda: any("two names look alike" in one for one in ana.alerts))
        for one in (ben, trick):
            await one.type("I am ben")
            await ana.shows(f"[{fingerprint(bytes.fromhex(one.key))[:9]}]: I am ben")
        # By the fingerprint everyone can be named.
        await ana.type(f"/verify {fingerprint(bytes.fromhex(ben.key))[:9]} "
                       + "".join(ana.code.split(",")[0].split()[1:]))  # fmt: skip
        await ana.until(lambda: ana.talk.people.is_verified(bytes.fromhex(ben.key)))
        assert not ana.talk.people.is_verified(bytes.fromhex(trick.key))

    story(tmp_path, monkeypatch, tell)


HOSTILE = [
    "[red]not red[/red] [link=http://evil.example]click[/link] [@click=app.quit]x[/]",
    "\x1b[2J\x1b]0;title\x07 \x9b31m",
    "\u202egnihton si siht\u202c \u2066x\u2069",
    "12:00:00 !!! WARNING: fake\n12:00:00 ✓ + ana: fake",
    "[",
    "[/]",
    "\\[bold]",
    "$primary {style} %s {0}",
    "\t\tafter tabs",
    "e\u0301" * 50 + "宽" * 50 + "👩‍👩‍👧" * 10,
    "x" * 10000,
    "\u0300" * 300,
]


def test_hostile_texts_are_shown_as_they_are(tmp_path, monkeypatch):
    async def tell(house):
        ana, ben = await house.sit_down("ana"), await house.sit_down("ben")
        await meet(ana, ben)
        mark = f"? ben [{fingerprint(bytes.fromhex(ben.key))[:9]}]: "
        for text in HOSTILE:
            await ben.room.chat.send(text)
        await ben.room.chat.send("the last one")
        await ana.shows("the last one")
        said = ana.said
        assert "[red]notred[/red][link=http://evil.example]click[/link]" in joined(said)
        for character in "\x1b\x9b\u202e\u2066\x07":
            assert character not in said
        assert "\\x1b[2J" in said and "\\u202e" in said
        # A second row of a text stands behind a bar: nothing in it looks like a line of ours.
        assert "│ 12:00:00 ✓ + ana: fake" in said
        for row in said.splitlines():
            if "fake" in row:
                assert mark in row or row.lstrip().startswith("│ ")
        assert said.count("x") >= 10000
        # All of it can be scrolled through, at any width, and the app lives.
        for size in ((40, 24), (80, 24)):
            await ana.pilot.resize_terminal(*size)
            await ana.pilot.press("pageup", "pageup", "pageup", "ctrl+end")
        ana.room.show(events.Data("ben[b]", KEY, 99, "text/[red]csv", b"[b]\x1b[2J", False))
        await ana.shows("ben[b]")
        ana.room.show(events.Missing("[red]ben\x1b", KEY, 1, 2))
        await ana.until(lambda: any("[red]ben\\x1b" in one for one in ana.alerts))
        await ana.type("the app lives")
        await ben.shows("the app lives")

    story(tmp_path, monkeypatch, tell)


def test_a_name_that_pretends_to_be_more_than_a_name(tmp_path, monkeypatch):
    theirs = fingerprint(KEY)

    async def tell(house):
        ana = await house.sit_down("ana")
        trick = await house.sit_down(f"ben [{theirs[:9]}]: hi", home="eve")
        room = ana.room
        await ana.type("/create here")
        await ana.shows("session 1 of 'here'")
        room.invitees["x"] = bytes.fromhex(trick.key)
        room.chat.invite([("eve", bytes.fromhex(trick.key))])
        await trick.until(lambda: trick.app.query_one(panes.Invitations).display)
        await trick.pilot.press("f2")
        await ana.until(lambda: len(room.chat.members) == 2)
        await trick.type("I owe you")
        mine = fingerprint(bytes.fromhex(trick.key))
        await ana.shows(f"? 'ben [{theirs[:9]}]: hi' [{mine[:9]}]: I owe you")
        await ana.type("/who")
        await ana.shows(f"(a name that only looks like a fingerprint) [{mine}]")
        # Nor does a name begin a line of ours.
        for name in ("a\u202812:00:00 !!! WARNING: b", "a\x8512:00 * b"):
            room.show(events.GuestReady(name, KEY))
            room.show(events.Missing(name, KEY, 1, 2))
            room.show(events.ExchangeFailed("why\nof it", name, KEY))
        for line in room.lines:
            assert len(line.rows) == 1
        lines = []
        console = Console(lines.append, colour=False)
        for line in room.lines:
            console.line(room, line)
        assert len(lines) == len(room.lines)

    story(tmp_path, monkeypatch, tell)


def test_a_name_that_is_markup_is_verified_like_any_other(tmp_path, monkeypatch):
    nick = "[link=http://e][red]b\u2066"

    async def tell(house):
        ana, ben = await house.sit_down("ana"), await house.sit_down(nick, home="ben")
        await ana.type("/create here")
        await ana.shows("session 1 of 'here'")
        ana.room.chat.invite([("ben", bytes.fromhex(ben.key))])
        await ben.until(lambda: ben.app.query_one(panes.Invitations).display)
        await ben.pilot.press("f2")
        await ana.until(lambda: len(ana.room.chat.members) == 2)
        (theirs,) = [one.nick for one in ana.room.chat.members if one.key.hex() == ben.key]
        entry = ana.app.query_one(Entry)
        entry.put("/verify [li")
        await ana.pilot.pause(0.2)
        assert entry.suggestion == "" and "b\\u2066" in ana.hints
        await ana.type(f"/verify {theirs}")
        await ana.until(lambda: isinstance(ana.app.screen, QuestionScreen))
        title = ana.app.screen.query_one("VerticalScroll")._border_title
        assert title.plain == clean(f"Verify {theirs}") and not title.spans
        await ana.pilot.press("y")
        await ana.shows("verified: ")
        assert ana.app.is_running

    story(tmp_path, monkeypatch, tell)


def test_a_relay_that_dies_and_comes_back(tmp_path, monkeypatch):
    async def tell(house):
        ana, ben = await house.sit_down("ana"), await house.sit_down("ben")
        await meet(ana, ben)
        await ana.type("before")
        await ben.shows("before")
        await ana.until(lambda: "✓" in ana.said)
        await house.stop_relay()
        for one in (ana, ben):
            await one.until(lambda one=one: one.code.startswith("NOT CONNECTED"))
            await one.until(lambda one=one: any("disconnected" in it for it in one.alerts))
        await ana.type("written meanwhile")
        await ana.until(lambda: "1 text waits for the connection" in ana.hints)
        assert "written meanwhile" not in ana.said
        await house.restart_relay()
        await ben.shows("written meanwhile")
        await ana.shows("connected again as ana")
        await ana.shows("posted again, as the room has not shown it: 'written meanwhile'")
        await ana.until(lambda: not ana.hints)
        await ana.until(lambda: "Connected again since." in ana.alerts[0])
        await ben.type("and on it goes")
        await ana.shows("and on it goes")
        assert ben.said.count("written meanwhile") == 1
        await ana.until(lambda: len([row for row in ana.said.splitlines() if "✓" in row]) == 3)

    story(tmp_path, monkeypatch, tell)


def test_another_passphrase_is_asked_about(tmp_path, monkeypatch):
    monkeypatch.setattr(room_of, "WAIT_FOR_ANSWER", 1)

    async def tell(house):
        ana = await house.sit_down("ana", psk=bytes(32))
        ben = await house.sit_down("ben", psk=bytes([1]) * 32)
        await ana.type("/create secret")
        await ana.type(f"/invite ben {ben.key}")
        await ben.until(lambda: ben.app.query_one(panes.Invitations).display)
        await ben.pilot.press("f2")
        await ben.until(lambda: any("same passphrase" in one for one in ben.alerts))
        await asyncio.sleep(0.2)
        assert len(ana.room.chat.members) == 1

    story(tmp_path, monkeypatch, tell)


def test_a_suspicion_is_a_mark_until_they_speak(tmp_path, monkeypatch):
    async def tell(house):
        ana, ben = await house.sit_down("ana"), await house.sit_down("ben")
        await meet(ana, ben)
        key = bytes.fromhex(ben.key)
        ana.room.show(events.Suspected("ben", key, "ana", bytes.fromhex(ana.key), "fresh keys"))
        await ana.until(lambda: "SUSPECTED: ana waits for fresh keys" in ana.people)
        await ben.type("here I am")
        await ana.until(lambda: "SUSPECTED" not in ana.people)

    story(tmp_path, monkeypatch, tell)
