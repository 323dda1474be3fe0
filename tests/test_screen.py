"""The screen of `mpseq chat`: what people do there, and what they see of one another."""

import pathlib
import re

import pytest
from screens import meet, story

from mpseq import fingerprint
from mpseq_tools.tui import panes, screens
from mpseq_tools.tui.conversation import Conversation
from mpseq_tools.tui.entry import Entry

SCREENS = pathlib.Path(__file__).resolve().parent.parent / "build" / "screens"


def test_two_people_meet_talk_and_verify(tmp_path, monkeypatch):
    async def tell(house):
        ana, ben = await house.sit_down("ana"), await house.sit_down("ben", size=(100, 30))
        await meet(ana, ben)
        assert re.search(r"code \d{3} \d{3}, \w+ \w+ \w+", ana.code)
        assert ana.code == ben.code
        await ana.type("hello ben")
        await ben.shows("? ana [" + fingerprint(bytes.fromhex(ana.key))[:9] + "]: hello ben")
        await ben.type("hello ana")
        await ana.shows("hello ana")
        # Ticks: first sent, then seen by everyone.
        for one in (ana, ben):
            await one.until(lambda one=one: len(re.findall(r"\d ✓ ", one.said)) == 2)
            assert "confirmed by everyone" not in one.said  # the ticks say it
        # People, and their marks.
        await ana.until(lambda: "here in the room" in ana.people)
        assert "= ana" in ana.people and "? ben" in ana.people and "not verified" in ana.people
        await ana.type("/verify ben")
        await ana.until(lambda: isinstance(ana.app.screen, screens.QuestionScreen))
        await ana.until(lambda: ana.app.screen.query("Static"))
        asked = str(ana.app.screen.query_one("Static").content)
        assert fingerprint(bytes.fromhex(ben.key)) in asked and ana.code.split()[3] in asked
        await ana.pilot.press("n")
        await ana.shows("not done: Verify ben")
        assert not ana.talk.people.is_verified(bytes.fromhex(ben.key))
        await ana.type("/verify ben")
        await ana.until(lambda: isinstance(ana.app.screen, screens.QuestionScreen))
        await ana.pilot.press("y")
        await ana.until(lambda: "+ ben" in ana.people and "verified" in ana.people)
        await ana.shows("+ ben: hello ana")  # beside what was said before, too
        SCREENS.mkdir(parents=True, exist_ok=True)
        await ana.pilot.pause(0.2)
        ana.app.save_screenshot(str(SCREENS / "chat-terminal.svg"))
        # By the digits that ben reads; wrong ones are a warning.
        await ben.type("/verify ana 000000" if "000 000" not in ben.code else "/verify ana 000001")
        await ben.until(lambda: any("NOT the same session" in one for one in ben.alerts))
        assert not ben.talk.people.is_verified(bytes.fromhex(ana.key))
        await ben.type("/verify ana " + "".join(re.findall(r"\d{3}", ben.code)))
        await ben.until(lambda: "+ ana" in ben.people)
        await ben.type("/unverify ana")
        await ben.until(lambda: "? ana" in ben.people)

    story(tmp_path, monkeypatch, tell)


def test_an_invitation_is_accepted_or_declined_by_mouse(tmp_path, monkeypatch):
    async def tell(house):
        ana, ben = await house.sit_down("ana"), await house.sit_down("ben")
        await ana.type("/create one")
        await ana.type(f"/invite ben {ben.key}")
        await ben.until(lambda: ben.app.query_one(panes.Invitations).display)
        await ben.click("#decline")
        await ben.shows("declined: invitation 1")
        await ben.until(lambda: not ben.app.query_one(panes.Invitations).display)
        await ana.type("/cancel ben")
        await ana.until(lambda: any("is not invited" in one for one in ana.alerts))
        await ana.type(f"/invite ben {ben.key}")
        await ben.until(lambda: ben.app.query_one(panes.Invitations).display)
        await ben.click("#accept")
        await ben.until(lambda: len(ben.room.chat.members) == 2)
        await ben.until(lambda: not ben.app.query_one(panes.Invitations).display)

    story(tmp_path, monkeypatch, tell)


def test_several_rooms_with_one_identity(tmp_path, monkeypatch):
    async def tell(house):
        ana = await house.sit_down("ana", rooms_of=("garden", "kitchen"))
        ben = await house.sit_down("ben")
        assert len({room.chat.identity.public for room in ana.talk.rooms}) == 1
        await ana.until(lambda: ana.tabs == ["[1 garden]", " 2 kitchen "])
        await meet(ana, ben)
        await ana.pilot.press("f8")
        await ana.until(lambda: ana.tabs == [" 1 garden ", "[2 kitchen]"])
        assert ana.code == "no conversation yet"
        await ana.type("/create soup")
        await ana.until(lambda: "soup: 1 person" in ana.code)
        await ana.shows("session 1 of 'soup'")
        for text in ("one", "two"):
            await ben.type(text)
        await ana.until(lambda: " 1 garden (2 new) " in ana.tabs)
        assert "one" not in ana.said
        await ana.type("nobody hears this")
        await ana.shows("nobody hears this")
        await ana.pilot.press("f7")
        await ana.shows("── new ──")
        said = ana.said
        assert said.index("── new ──") < said.index(": one") < said.index(": two")
        assert "nobody hears" not in said
        # Ben comes after, under another nick there.
        await ben.type(f"/join {house.address('kitchen')} benjamin")
        await ben.until(lambda: len(ben.tabs) == 2 and ben.room.name == "kitchen")
        await ana.pilot.press("f8")
        await ana.type(f"/invite benjamin {ben.key}")
        await ben.until(lambda: ben.app.query_one(panes.Invitations).display)
        await ben.pilot.press("f2")
        await ben.until(lambda: len(ben.room.chat.members) == 2)
        await ben.type("in the kitchen")
        await ana.shows("in the kitchen")
        await ben.type(f"/join {house.address('kitchen')}")
        await ben.shows("is open already")
        await ben.type("/join 127.0.0.1:1/nowhere")
        await ben.shows("not done")
        await ben.type("/part")
        await ben.until(lambda: ben.tabs == ["[1 garden]"])
        await ana.shows("benjamin leaves")
        await ben.type("/room nowhere")
        await ben.shows("there is no room nowhere")
        await ben.type("still in the garden")
        await ana.until(lambda: any("1 new" in tab for tab in ana.tabs))
        await ana.pilot.click(panes.Tab)
        await ana.shows("still in the garden")
        # Without any room there is nothing left to do.
        await ben.type("/part")
        await ben.until(lambda: not ben.app.is_running)

    story(tmp_path, monkeypatch, tell)


def test_commands_are_completed_and_lines_come_back(tmp_path, monkeypatch):
    async def tell(house):
        ana, ben = await house.sit_down("ana"), await house.sit_down("ben")
        await meet(ana, ben)
        entry = ana.app.query_one(Entry)
        await ana.pilot.press("/", "v")
        await ana.until(lambda: "/verify NICK" in ana.hints)
        await ana.until(lambda: entry.suggestion == "erify ")
        await ana.pilot.press("tab")
        await ana.until(lambda: entry.text == "/verify ")
        await ana.pilot.press("tab")
        await ana.until(lambda: entry.text == "/verify ben")
        entry.put("")
        await ana.pilot.press("/")
        await ana.until(lambda: "more: /help" in ana.hints)
        entry.put("")
        for text in ("first", "second"):
            await ana.type(text)
        await ana.pilot.press("d", "r", "up")
        await ana.until(lambda: entry.text == "second")
        await ana.pilot.press("up")
        await ana.until(lambda: entry.text == "first")
        await ana.pilot.press("down", "down")
        await ana.until(lambda: entry.text == "dr")
        entry.put("")
        for text, answer in [
            ("/dance", "/dance: unknown"),
            ("/invite ben 12", "only 2 of 64 digits of a key"),
            ("/invite ben", "usage: /invite NICK KEY"),
            ("/accept 9", "no such invitation"),
            ("/yes", "nothing was asked"),
            ("/verify ana", "that is you"),
            ("/expel nobody", "there is no nobody here"),
            ("/who", f"ben [{fingerprint(bytes.fromhex(ben.key))}]"),
            ("/warnings", "no warnings"),
            ("/rooms", "1 garden: tcp://"),
            ("//slash", "/slash"),
        ]:
            await ana.type(text)
            await ana.shows(answer)
        await ben.shows("/slash")

    story(tmp_path, monkeypatch, tell)


def test_a_pasted_block_is_one_text_and_too_much_is_refused(tmp_path, monkeypatch):
    from textual import events

    async def tell(house):
        ana, ben = await house.sit_down("ana"), await house.sit_down("ben")
        await meet(ana, ben)
        entry = ana.app.query_one(Entry)

        async def paste(text):
            entry.post_message(events.Paste(text))
            await ana.pilot.pause()

        await paste("first row\nsecond row\n\x1b[2Jthird")
        assert "\x1b" not in entry.text
        await ana.until(lambda: "one text of 3 lines" in ana.hints)
        assert "first row" not in ben.said
        await ana.pilot.press("enter")
        await ben.shows("first row second row")
        texts = [line for line in ben.room.lines if line.kind == "text"]
        assert [line.rows for line in texts] == [["first row", "second row", "\\x1b[2Jthird"]]
        # A key that was copied out of a narrow window.
        await paste(f"/invite ben {ben.key[:40]}\n{ben.key[40:]}")
        await ana.pilot.press("enter")
        await ana.shows("not done: ben is here already")
        await paste("/quit\nis what I typed")
        await ana.pilot.press("enter")
        await ana.until(lambda: any("A block that begins" in str(n.message) for n in notes(ana)))
        await ana.until(lambda: entry.text == "/quit\nis what I typed")
        assert not ana.talk.done
        entry.put("")
        words = "word " * 9000
        await paste(words)  # 45 kB: fits
        await ana.pilot.press("enter")
        await ben.until(lambda: any("".join(line.rows) == words for line in ben.room.lines))
        await paste("x" * 65537)
        assert entry.text == ""
        await ana.until(lambda: any("in pieces" in str(n.message) for n in notes(ana)))
        await ana.type("x" * 65537)
        await ana.shows("a message has at most 65536 bytes, this one 65537. Send it in pieces")

    story(tmp_path, monkeypatch, tell)


def notes(person):
    return list(person.app._notifications)


def test_help_and_the_own_key_lie_over_the_conversation(tmp_path, monkeypatch):
    async def tell(house):
        ana = await house.sit_down("ana", size=(100, 40))
        await ana.pilot.press("f1")
        await ana.until(lambda: isinstance(ana.app.screen, screens.HelpScreen))
        await ana.until(lambda: ana.app.screen.query("Static"))
        text = str(ana.app.screen.query_one("Static").content)
        for word in ("/verify NICK", "F4", "confirmed: everyone has it", "KEY CHANGED", "count"):
            assert word in text
        await ana.pilot.press("escape")
        await ana.until(lambda: not isinstance(ana.app.screen, screens.HelpScreen))
        await ana.type("/help")
        await ana.until(lambda: isinstance(ana.app.screen, screens.HelpScreen))
        await ana.pilot.press("f1")
        await ana.until(lambda: not isinstance(ana.app.screen, screens.HelpScreen))
        await ana.type("/me")
        await ana.until(lambda: isinstance(ana.app.screen, screens.MeScreen))
        shown = "".join(str(one.content) for one in ana.app.screen.query("Static"))
        assert ana.key in shown and "█" in shown
        await ana.pilot.press("escape")
        await ana.type("text after it")
        await ana.shows("not done: not in a conversation")

    story(tmp_path, monkeypatch, tell)


@pytest.mark.parametrize(
    ("size", "said"),
    [((100, 40), ""), ((80, 24), "q shows it alone"), ((40, 24), "q shows it alone"),
     ((38, 30), "`mpseq keys qr` prints it"), ((80, 18), "`mpseq keys qr` prints it")],
)  # fmt: skip
def test_the_qr_code_is_shown_whole_or_not_at_all(tmp_path, monkeypatch, size, said):
    async def tell(house):
        ana = await house.sit_down("ana", size=size)
        await ana.type("/me")
        await ana.until(lambda: isinstance(ana.app.screen, screens.MeScreen))
        code = ana.app.screen.query_one("#qr")
        shown = lambda: " ".join(str(code.content).split())  # noqa: E731

        def whole():
            sheet = ana.app.screen.query_one("VerticalScroll")
            return "█" in shown() and sheet.content_region.contains_region(code.region)

        if said:
            await ana.until(lambda: said in shown())
            assert "█" not in shown()
        await ana.pilot.press(*("q" * ("alone" in said)))
        await ana.until(lambda: said in shown() if "keys qr" in said else whole())
        if "alone" in said:
            await ana.pilot.press("q")
            await ana.until(lambda: said in shown())

    story(tmp_path, monkeypatch, tell)


def test_the_qr_code_holds_the_key():
    rows = screens.qr_rows("mpseq-key-1 00 ana", 60)
    assert len({len(row) for row in rows}) == 1
    # The finder pattern at its upper left: seven dark modules, behind the quiet zone.
    quiet = rows[0].index("█") if "█" in rows[0] else len(rows[2]) - len(rows[2].lstrip())
    assert rows[2][quiet : quiet + 8] == "█▀▀▀▀▀█ "
    assert screens.qr_rows("mpseq-key-1 00 ana", 20) is None
    assert screens.qr_rows("mpseq-key-1 00 ana", 60, 12) is None
    assert len(screens.qr_rows("mpseq-key-1 00 ana", 60, 14)) <= 14


@pytest.mark.parametrize("size", [(80, 24), (40, 24), (40, 12), (200, 60)])
def test_it_fits_whatever_the_window(tmp_path, monkeypatch, size):
    async def tell(house):
        ana, ben = await house.sit_down("ana", size=size), await house.sit_down("ben")
        await meet(ana, ben)
        await ben.type("a text " * 20)
        await ana.shows("a text a text")
        ana.room.warn("something happened " * 20)
        kinds = (panes.Code, Conversation, panes.Alerts, Entry, panes.Keys)
        for kind in kinds:
            await ana.until(lambda kind=kind: ana.app.query_one(kind).region.height)
        await ana.pilot.pause()
        seen = {kind: ana.app.query_one(kind).region for kind in kinds}
        screen = ana.app.screen.region
        for kind, region in seen.items():
            assert region.height >= 1 and screen.contains_region(region), (kind, region)
        assert seen[Conversation].height >= 2
        assert max(len(row) for row in ana.said.splitlines()) <= size[0]
        assert ana.app.query_one(panes.People).display == (size[0] >= 60)
        await ana.pilot.press("f6")
        await ana.until(lambda: ana.app.query_one(panes.People).display == (size[0] < 60))
        # Made larger and smaller, the newest text stays in view, and nothing is lost.
        for new in ((60, 20), (100, 40), size):
            await ana.pilot.resize_terminal(*new)
            await ana.until(lambda new=new: ana.app.size == new)
            await ana.pilot.pause(0.1)
            pane = ana.app.query_one(Conversation)
            await ana.until(lambda pane=pane: pane.scroll_offset.y >= pane.max_scroll_y - 1)
            await ana.shows("a text " * 20)

    story(tmp_path, monkeypatch, tell)


def test_without_colour_and_in_a_light_theme(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    async def tell(house):
        ana = await house.sit_down("ana", theme="light")
        assert ana.app.theme == "textual-light"
        await ana.type("/create alone")
        ana.room.warn("in words too")
        await ana.until(lambda: ana.alerts)
        await ana.pilot.pause()
        colours = set()
        for strip in ana.app.screen._compositor.render_strips():
            for segment in strip.apply_filter(ana.app._filters[-1], None):
                for colour in (segment.style.color, segment.style.bgcolor):
                    if colour is not None and colour.triplet is not None:
                        colours.add(colour.triplet)
        assert colours and all(max(it) - min(it) <= 1 for it in colours), colours  # greys
        assert "WARNING" in ana.alerts[0]
        await ana.pilot.press("f9")
        await ana.until(lambda: ana.app.theme == "ansi-dark")
        await ana.pilot.press("f9")
        await ana.until(lambda: ana.app.theme == "textual-dark")

    story(tmp_path, monkeypatch, tell)


def test_who_reads_further_up_stays_there_and_is_told(tmp_path, monkeypatch):
    async def tell(house):
        ana, ben = await house.sit_down("ana"), await house.sit_down("ben")
        await meet(ana, ben)
        for number in range(30):
            await ben.type(f"line {number}")
        await ana.shows("line 29")
        await ana.pilot.pause()
        pane = ana.app.query_one(Conversation)
        await ana.until(lambda: 1 < pane.max_scroll_y <= pane.scroll_offset.y + 1)
        await ana.pilot.press("pageup")
        await ana.until(lambda: pane.scroll_offset.y < pane.max_scroll_y - 1)
        await ana.pilot.pause(0.2)
        here = pane.scroll_offset.y
        await ben.type("news")
        await ana.shows("news")
        await ana.until(lambda: "1 new below" in ana.hints)
        assert pane.scroll_offset.y == here
        await ana.pilot.press("ctrl+end")
        await ana.until(lambda: pane.scroll_offset.y >= pane.max_scroll_y - 1)
        await ana.until(lambda: ana.hints == "")

    story(tmp_path, monkeypatch, tell)


def test_ctrl_c_leaves_only_when_pressed_twice(tmp_path, monkeypatch):
    async def tell(house):
        monkeypatch.setattr("mpseq_tools.tui.app._TWICE", 60)
        ana, ben = await house.sit_down("ana"), await house.sit_down("ben")
        await meet(ana, ben)
        await ben.pilot.press("ctrl+c")
        assert ben.app.is_running
        await ben.pilot.press("ctrl+c")
        await ben.until(lambda: not ben.app.is_running)
        await ben.talk.quit()
        await ana.shows("ben leaves")

    story(tmp_path, monkeypatch, tell)
