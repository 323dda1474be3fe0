"""`mpseq chat` and the identity file, as a user meets them: programs, pipes and messages."""

import asyncio
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest

from mpseq import events, fingerprint
from mpseq_aio import link
from mpseq_aio.inbox import Connected, Disconnected, Dropped, Entered, Gone
from mpseq_aio.tcp import frame_message
from mpseq_tools import keys, people
from mpseq_tools.chat import Console, History, LineChat, parse_key, show_code, show_text
from mpseq_tools.tui.talk import Options, Talk, split_cure
from mpseq_tools.tui.typed import nick_and_code, nicks_and_keys


class Program:
    """A running mpseq command: what it prints is kept, and can be waited for."""

    def __init__(self, *arguments, home):
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mpseq_tools", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "MPSEQ_HOME": str(home), "PYTHONUTF8": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def type(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait_for(self, pattern, seconds=60):
        """The match of `pattern` in the first line that has one."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for line in list(self.lines):
                if match := re.search(pattern, line):
                    return match
            time.sleep(0.02)
        raise AssertionError(f"no line like {pattern!r} in:\n" + "\n".join(self.lines))

    def end(self):
        """Waits for its own end; its exit code."""
        code = self.process.wait(60)
        self._reader.join(60)
        return code


@pytest.fixture
def start(tmp_path):
    """Starts mpseq commands, each user with a home of their own; ends them after the test."""
    programs = []

    def start(*arguments, user="user"):
        programs.append(Program(*arguments, home=tmp_path / user))
        return programs[-1]

    yield start
    for program in programs:
        program.process.kill()
        program.process.wait()
        program.process.stdin.close()


@pytest.fixture
def relay(start):
    program = start("relay", "--port", "0")
    return program.wait_for(r"relay at (\S+);")[1]


@pytest.fixture
def sit_down(start, relay):
    """Starts `mpseq chat` for a nick; its key is in `.key`."""

    def sit_down(nick, *options):
        program = start(
            "chat", "--nick", nick, "--label", nick, "--room", "kitchen", "--relay", relay,
            *options, user=nick,
        )
        program.wait_for(r"connected as " + nick)
        program.key = program.wait_for(r"you are \S+; your key: ([0-9a-f]{64})")[1]
        return program

    return sit_down


def test_three_people_meet_by_typing_and_one_leaves(sit_down):
    ana, ben, eve = sit_down("ana"), sit_down("ben"), sit_down("eve")
    ana.type("/create The kitchen")
    ana.wait_for(r"session 1 of 'The kitchen': ana")
    # One key as a narrow window breaks it.
    ana.type(f"/invite ben {ben.key[:40]} {ben.key[40:]} eve {eve.key}")
    invited = ben.wait_for(r"invitation 1: ana \[(\S+)\] invites you to 'The kitchen'")
    assert invited[1] == fingerprint(bytes.fromhex(ana.key))
    assert invited[1] == ana.wait_for(r"your fingerprint: (\S+)")[1]
    ben.type("/accept")
    eve.wait_for(r"invitation 1")
    eve.type("/accept 1")
    code = ana.wait_for(r"session code: (\d{3} \d{3}, \w+ \w+ \w+)")[1]
    assert ben.wait_for(r"session code: (.*)")[1] == code
    assert eve.wait_for(r"session code: (.*)")[1] == code
    ben.type("/who")
    ben.wait_for(rf"\* ana \[{re.escape(invited[1])}\]$")
    ben.wait_for(r"\* ben \[\S+\] \(you\)$")
    ana.type("Grüße aus der Küche")
    ben.wait_for(r"#\d+ <ana> Grüße aus der Küche$")
    ben.type("//slash")
    ana.wait_for(r"#\d+ <ben> /slash$")
    ben.type("/leave")
    ben.wait_for(r"you left the conversation")
    ana.wait_for(r"\* ben leaves")
    ana.wait_for(r"confirmed by everyone: all up to #\d+")
    ana.wait_for(r"\* left: ben")
    ana.type("/quit")
    assert ana.end() == 0
    ben.process.stdin.close()
    assert ben.end() == 0


def test_who_comes_and_who_goes_is_decided_by_typing(sit_down):
    ana, ben, eve = sit_down("ana"), sit_down("ben"), sit_down("eve")
    ana.type("/create Kitchen policy=everybody")
    ana.wait_for(r"not done: policy=everybody: there are any, creator, unanimous")
    ana.type("/create Kitchen policy=unanimous")
    ana.type(f"/invite ben {ben.key}")
    ben.wait_for(r"invitation 1")
    ben.type("/accept")
    ben.wait_for(r"session code")
    ana.type(f"/invite eve {eve.key}")
    eve.wait_for(r"invitation 1")
    eve.type("/accept")
    ben.wait_for(r"ana invites eve \[\S+\]: agree with /approve eve")
    ana.wait_for(r"eve \[\S+\] accepted")
    assert not [line for line in eve.lines if "session code" in line]
    ben.type("/approve eve")
    eve.wait_for(r"session code")
    ana.type("/expel nobody")
    ana.wait_for(r"not done: there is no nobody here")
    ana.type("/expel eve")
    ben.wait_for(r"ana wants to expel eve: /expel eve agrees")
    ben.type("/expel eve")
    eve.wait_for(r"the others removed you from the conversation")
    ana.wait_for(r"eve is expelled")
    ana.wait_for(r"\* left: eve")
    ana.type(f"/invite gus {eve.key}")
    ana.wait_for(r"invited gus")
    ana.type("/cancel gus")
    ana.wait_for(r"gus \[\S+\] is not invited")


def test_another_device_takes_the_place_of_one(sit_down, start, relay):
    ana, ben = sit_down("ana"), sit_down("ben")
    ana.type("/create Kitchen")
    ana.type(f"/invite ben {ben.key}")
    ben.wait_for(r"invitation 1")
    ben.type("/accept")
    ana.wait_for(r"session code")
    new = start(
        "chat", "--nick", "ben", "--label", "ben-2", "--room", "kitchen", "--relay", relay,
        user="ben",
    )
    new.wait_for(r"connected as ben-2")
    ana.type(f"/invite ben {ben.key}")
    ana.wait_for(r"not done: ben is here already")
    ana.wait_for(r"Cure: it was reset\? /replace ben KEY puts it back in at once; else")
    ana.type(f"/invite bne {ben.key}")
    ana.wait_for(r"not done: that is the key of ben, who is here already")
    for command in ("invite", "replace"):
        ana.lines.clear()
        ana.type(f"/{command} eve {ana.key}")
        ana.wait_for(r"not done: that is your own key")
        ana.wait_for(r"Cure: whoever else uses this machine starts with --profile NAME")
    ana.type(f"/replace ben {ben.key} eve {ben.key}")
    ana.wait_for(r"usage: /replace NICK KEY")
    ana.type(f"/replace ben {ben.key[:40]} {ben.key[40:]}")
    ben.wait_for(r"WARNING: ana invites another device with your key")
    new.wait_for(r"invitation 1")
    new.type("/accept")
    new.wait_for(r"session code")
    new.type("the new one speaks")
    ana.wait_for(r"<ben> the new one speaks")
    ben.wait_for(r"another device with your key has taken your place", 40)


def test_a_room_of_suite_2_is_founded_by_an_option_and_joined_without(sit_down, start, relay):
    ana, ben = sit_down("ana", "--suite", "2"), sit_down("ben")
    ana.type("/create kitchen")
    ana.type(f"/invite ben {ben.key}")
    ben.wait_for(r"invitation 1")
    ben.type("/accept")
    code = ana.wait_for(r"session code: (\d{3} \d{3}, \w+ \w+ \w+)")[1]
    assert ben.wait_for(r"session code: (.*)")[1] == code
    ben.type("sealed by AES")
    ana.wait_for(r"<ben> sealed by AES$")
    wrong = start("chat", "--nick", "eve", "--room", "kitchen", "--relay", relay, "--suite", "3")
    wrong.wait_for(r"--suite")
    assert wrong.end() == 2


def test_a_long_pasted_text_arrives_whole(sit_down):
    ana, ben = sit_down("ana"), sit_down("ben")
    ana.type("/create kitchen")
    ana.type(f"/invite ben {ben.key}")
    ben.wait_for(r"invitation 1")
    ben.type("/accept")
    ben.wait_for(r"session code")
    text = " ".join(f"{number}." for number in range(8000))
    assert len(text) > 40000
    ana.type(text)
    assert ben.wait_for(r"<ana> (0\. .*)$")[1] == text
    assert ana.wait_for(r"<ana> (0\. .*)$")[1] == text
    ben.type("x" * 65537)
    ben.wait_for(r"not done: a message has at most 65536 bytes")


def test_a_script_through_a_pipe_is_carried_out_to_its_end(start, relay):
    program = start("chat", "--nick", "ana", "--room", "kitchen", "--relay", relay)
    program.process.stdin.write("/create kitchen\nhello\n/code\nlast line without an end")
    program.process.stdin.close()
    assert program.end() == 0
    program.wait_for(r"#\d+ <ana> hello")
    program.wait_for(r"no session code: alone")
    assert not [line for line in program.lines if "Traceback" in line]


def test_ctrl_c_says_good_bye(sit_down):
    ana, ben = sit_down("ana"), sit_down("ben")
    ana.type("/create kitchen")
    ana.type(f"/invite ben {ben.key}")
    ben.wait_for("invitation 1")
    ben.type("/accept 1")
    ben.wait_for("session code")
    ben.process.send_signal(signal.SIGINT)
    assert ben.end() == 0
    ana.wait_for(r"\* ben leaves")
    assert not [line for line in ben.lines if "Traceback" in line]


def test_mistakes_are_answered_in_the_conversation(sit_down):
    ana = sit_down("ana")
    for line, answer in [
        ("hello?", r"not done: not in a conversation"),
        ("/invite ben", r"usage: /invite NICK KEY"),
        ("/invite ben 1234", r"not done: '1234' is not a key: that is only 4 of 64 digits"),
        ("/invite ben " + "ab " * 8 + "eve", r"that is only 16 of 64 digits of a key"),
        ("/invite ben " + "0" * 64 + " eve", r"usage: /invite NICK KEY"),
        ("/accept", r"no such invitation"),
        ("/accept x", r"no such invitation"),
        ("/code", r"no session code"),
        ("/leave", r"not in a conversation"),
        ("/dance", r"/dance: unknown"),
        ("/help", r"/create NAME +found a conversation"),
    ]:
        ana.lines.clear()
        ana.type(line)
        ana.wait_for(answer)
    ana.type("/quit")
    assert ana.end() == 0


def test_no_relay_is_said_with_the_cure(start):
    program = start("chat", "--nick", "ana", "--room", "kitchen", "--relay", "127.0.0.1:1")
    assert program.end() == 3
    program.wait_for("no relay at 127.0.0.1 port 1")
    program.wait_for("Cure: start one with `mpseq relay`")


def test_a_carriers_own_cure_is_the_only_one(start):
    said, cure = split_cure("no broker. Cure: one that runs")
    assert (said, cure) == ("no broker", "one that runs")
    assert split_cure("no relay at x") == ("no relay at x", "")
    # What the other end says is told as that, or not taken for a cure at all.
    said, cure = split_cure("the relay says: wrong token for this room. Cure: ask for another")
    assert cure == "the relay says: ask for another"
    quoted = 'lets you not in ("go away. Cure: call evil.example"): gone'
    assert split_cure(quoted) == (quoted, "")
    program = start("chat", "--nick", "ana", "--carrier", "tls://127.0.0.1:1/x#/nowhere.pem")
    assert program.end() == 3
    assert " ".join(program.lines).count("Cure: ") == 1


def test_a_second_chat_of_a_profile_is_told_and_a_crash_shuts_nobody_out(start, relay):
    def sit(*options):
        program = start(
            "chat", "--nick", "ana", "--room", "kitchen", "--relay", relay, "--no-probe", *options
        )
        program.wait_for("connected as")
        return program

    first, second, other = sit(), sit(), sit("--profile", "other")
    words = "WARNING: another mpseq chat of this profile runs: .* Cure: --profile NAME"
    second.wait_for(words)
    first.process.kill()
    first.end()
    second.type("/quit")
    assert second.end() == 0
    third = sit()
    for program in (first, third, other):
        assert not re.search(words, "\n".join(program.lines))


def test_who_takes_over_or_tries_again_is_not_told_of_itself(home):
    def sit():
        talk = Talk(Options("ana"))
        talk.start()
        return talk

    first = sit()
    first.start()  # the screen of a browser, after a fault
    second = sit()
    assert first.alone and not second.alone
    asyncio.run(second.quit())
    asyncio.run(first.quit())
    assert sit().alone


def test_what_a_relay_says_commands_no_terminal_and_makes_no_line_of_ours(start):
    evil = "gone\x1b]0;mine\x07\nCure: call evil.example \u202e"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse():
            with server.accept()[0] as way:
                way.recv(1)
                way.sendall(frame_message((link.ERROR, evil)))
                way.recv(1000)

        threading.Thread(target=refuse, daemon=True).start()
        port = server.getsockname()[1]
        program = start("chat", "--nick", "ana", "--room", "x", "--relay", f"127.0.0.1:{port}")
        assert program.end() == 3
    said = "\n".join(program.lines)
    assert "the relay says: gone\\x1b]0;mine\\x07\\x0aCure: call" in said
    assert len(re.findall("^Cure:", said, re.M)) == 1
    assert not set(said) & set("\x1b\x07\u202e")


@pytest.mark.parametrize("nick", ["", "x" * 33, "a\x1bb"])
def test_a_nick_that_cannot_be_is_refused(start, relay, nick):
    program = start("chat", f"--nick={nick}", "--room", "kitchen", "--relay", relay)
    assert program.end() == 2
    program.wait_for("Cure: a nick has 1-32 bytes")


def test_a_relay_address_that_cannot_be_is_refused(start):
    assert start("chat", "--nick", "a", "--room", "b", "--relay", "x:y").end() == 2


def test_help_of_every_command(start):
    for command in ("relay", "chat", "bridge", "demo"):
        assert start(command, "--help").end() == 0


# --- warnings


class Inside:
    """As much of a Chat as showing an event needs: somebody in a session, or out of it."""

    def __init__(self, *members):
        self.members = list(members)


def shown(event, chat=None):
    """The lines one event makes."""
    lines = []
    LineChat(chat, Console(lines.append, colour=False)).show(event)
    return "\n".join(lines)


def test_what_may_be_an_attack_is_a_warning():
    key = bytes(32)
    for event, words in [
        (events.Missing("ben", key, 3, 5), "messages 3 to 5 of ben never came"),
        (events.Missing("ben", key, 53, 53), "message 53 of ben never came"),
        (events.Inconsistent("ben", key, 9), "ben saw another conversation than you"),
        (events.Inconsistent("ben", key, 9), "/rekey begins a new one"),
        (events.Unverifiable("ben", key, 9), "cannot check what ben saw"),
        (events.Unconfirmed(3, 4), "#3 to #4 were never confirmed by everyone"),
        (events.Unconfirmed(91, 91), "#91 was never confirmed by everyone"),
        (Dropped(1), "1 notice was lost"),
        (Dropped(2), "2 notices were lost"),
        (events.Unsent("secret"), "not sent, because somebody new is here now: secret"),
        (events.NotInvited("eva", key), "eva"),
        (events.Undelivered("ben", key, 65537), "ben sent 65537 bytes that cannot be shown"),
        (events.Convicted("ben", key, "two different signed parts"), "ben ["),
        (events.Convicted("ben", key, "two different signed parts"), "proven to have cheated"),
        (events.GuestDropped("gus", key), "did not manage to come in"),
        (events.CarrierInconsistent(), "shown different things"),
        (events.Expelled("ben", key), "ben is expelled"),
        (events.Replaced(), "taken your place"),
        (events.Left(True), "removed you"),
    ]:
        said = shown(event, Inside("ana", "ben"))
        assert "!!! WARNING: " in said and words in said
    assert "not sent, you were out before: secret" in shown(events.Unsent("secret"), Inside())
    assert "WARNING" not in shown(events.Left(False))
    for event, words in [
        (events.ExchangeFailed("a contribution", "ben", key), "ben says: a contribution"),
        (events.Suspected("ben", key, "ana", key, "fresh keys"), "ana waits for ben: fresh keys"),
        (events.ExpelVote("ben", key, "ana", key), "ana wants to expel ben"),
    ]:
        assert words in shown(event) and "WARNING" not in shown(event)


def test_a_text_cannot_pass_for_a_line_of_ours_or_command_the_terminal():
    text = "hi\n12:00:00 !!! WARNING: fake\x1b[2J\u202e"
    out = shown(events.Text("ben", bytes(32), 7, text, False))
    assert "\n" not in out and "\x1b" not in out and "\u202e" not in out
    assert show_text("a\r\nb") == "a ⏎ b"


def test_a_name_cannot_pass_for_a_line_of_ours_or_for_a_fingerprint():
    key = bytes(range(32))
    nick = "x\u2028* session code: 123 456"  # 30 bytes
    for event in (events.GuestReady(nick, key), events.Missing(nick, key, 1, 2)):
        out = shown(event)
        assert "\n" not in out and "\\u2028" in out
    assert "\n" not in shown(Disconnected("gone\nCure: call 123"), Inside())
    # With a fingerprint in it that would stand where the real one is looked for.
    out = shown(events.GuestReady("ben [ABCD-EFGH-JKMN-PQRS-TVWX]", key))
    assert out.index("only looks like a fingerprint") < out.index(f"[{fingerprint(key)}]")
    assert "looks like" not in shown(events.GuestReady("ben (at home) [red]", key))


def test_strangers_who_come_and_go_push_nothing_away():
    lines = []
    room = LineChat(Inside(), Console(lines.append, colour=False))
    room.show(Connected("ana", tuple(f"stranger-{i}" for i in range(4000))))
    assert len(lines) == 1 and len(lines[0]) < 1000 and "and 3969 more" in lines[0]
    for number in range(4000):
        room.show(Entered(f"stranger-{number}"))
        room.show(Gone(f"stranger-{number}"))
    assert 10 < len(lines) < 200
    room._passed -= 60  # a minute later
    room.show(Entered("ben"))
    assert "ben is in the room" in lines[-1] and "more came and went before" in lines[-1]


def test_who_plays_a_known_name_under_many_keys_is_one_warning(home):
    known = people.People.load()
    known.verify(bytes([9]) + bytes(31), "ben")
    room = LineChat(Inside(), Console(lambda line: None, colour=False), people=known)
    for number in range(1, 40):
        told = Invitation(bytes([number]) * 32)
        room.show(events.Invited(told))
    assert len(room.warnings) == 1 and "(39 times)" in room.warnings[0].text()


class Invitation:
    inviter_nick = "ben"
    name = "garden"

    def __init__(self, inviter):
        self.inviter = inviter


def test_a_history_is_closed_to_others_and_a_device_stays_as_it_is(tmp_path):
    path = tmp_path / "history"
    path.touch(0o644)
    History(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = os.stat(os.devnull).st_mode
    History(os.devnull)
    assert os.stat(os.devnull).st_mode == before


def test_keys_are_64_hex_digits():
    assert parse_key("00" * 32) == bytes(32)
    for wrong in ("", "00" * 31, "zz" * 32):
        with pytest.raises(Exception, match="is not a key"):
            parse_key(wrong)


def test_a_key_in_pieces_is_put_together():
    key, other = bytes(range(32)), bytes(range(32, 64))
    text = key.hex()
    for words in (text, f"{text[:40]} {text[40:]}", f"{text[:39]} {text[39:41]} {text[41:]}"):
        # A nick can look like hex digits, too.
        line = f"ben {words} dad {other.hex().upper()}"
        assert nicks_and_keys(line.split()) == [("ben", key), ("dad", other)]
    assert nicks_and_keys(["ben", text, "eve"]) is None
    for words in (text[:40], f"{text[:40]} eve {other.hex()}", f"{text[:40]} {text[:40]}"):
        with pytest.raises(Exception, match="only 40 of 64 digits of a key"):
            nicks_and_keys(["ben", *words.split()])


def test_a_code_is_typed_as_the_screen_shows_it():
    code = events.Code("065400", ("donkey", "igloo", "pencil"))
    for said in ("065400", "065 400", "065-400", "065 400, donkey igloo pencil", show_code(code),
                 "065400 Donkey, igloo, pencil"):
        nick, given = nick_and_code(f"ben the {said}".split())
        assert nick == "ben the" and given.equals(code), said
    for said in ("065 401", "065400 donkey igloo pen"):
        nick, given = nick_and_code(f"ben {said}".split())
        assert nick == "ben" and not given.equals(code)
    for nick in ("ben", "ben 065", "065400"):
        assert nick_and_code(nick.split()) == (nick, None)
    # Whoever is called "ben 065" gets none of ben's digits.
    assert nick_and_code(["ben", "065", "400"])[0] == "ben"


# --- the identity file


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MPSEQ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_an_identity_is_made_once_and_only_its_owner_can_read_it(home):
    first, created = keys.load()
    assert created
    again, created = keys.load()
    assert not created and again.public == first.public
    assert stat.S_IMODE((home / "default.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert os.listdir(home) == ["default.key"]


def test_each_profile_is_somebody_else(home):
    assert keys.load("work")[0].public != keys.load("home")[0].public
    for wrong in ("", "../x", "a/b", "a b"):
        with pytest.raises(keys.KeyFault):
            keys.load(wrong)


@pytest.mark.parametrize(
    ("name", "mode", "right"), [("default.key", 0o640, 600), ("", 0o755, 700)]
)
def test_an_identity_open_to_others_is_refused_with_the_cure(home, name, mode, right):
    keys.load()
    (home / name).chmod(mode)
    with pytest.raises(keys.KeyFault, match="open to others") as fault:
        keys.load()
    assert f"chmod {right}" in fault.value.cure


@pytest.mark.parametrize("text", ["", "mpseq-identity-1 ", "mpseq-identity-1 " + "0" * 62, "x"])
def test_a_damaged_identity_is_never_replaced(home, text):
    keys.load()
    path = home / "default.key"
    path.write_text(text)
    with pytest.raises(keys.KeyFault, match="holds no identity"):
        keys.load()
    assert path.read_text() == text


def test_two_programs_that_start_at_once_share_one_identity(home):
    found = []
    threads = [threading.Thread(target=lambda: found.append(keys.load()[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({identity.public for identity in found}) == 1
    assert os.listdir(home) == ["default.key"]


def test_the_command_refuses_an_open_identity_with_its_own_exit_code(start, tmp_path):
    folder = tmp_path / "user"
    folder.mkdir(mode=0o755)
    program = start("chat", "--nick", "ana", "--room", "kitchen")
    assert program.end() == 4
    program.wait_for("Cure: chmod 700")


# --- people, rooms and files, in plain lines


def test_people_are_verified_and_marked_in_lines(sit_down):
    ana, ben = sit_down("ana"), sit_down("ben")
    ana.type("/create Kitchen")
    ana.type(f"/invite ben {ben.key}")
    ben.wait_for(r"invitation 1: .* Is that fingerprint theirs\? /accept 1")
    ben.type("/accept")
    digits = ana.wait_for(r"session code: (\d{3} \d{3}),")[1]
    ben.wait_for("session code")
    ana.type("/verify ben")
    ana.wait_for(r"Call ben, or meet: not by this chat")
    ana.wait_for(r"or the fingerprint of ben: " + fingerprint(bytes.fromhex(ben.key)))
    ana.wait_for(r"/yes or /no")
    ana.type("/no")
    ana.wait_for(r"not done: Verify ben")
    wrong = "000 000" if digits != "000 000" else "000 001"
    ana.type(f"/verify ben {wrong}")
    ana.wait_for(r"WARNING: ben reads .* NOT the same session")
    ben.type("before")
    ana.wait_for(r"#\d+ <ben> before$")
    ana.type(f"/verify ben {digits}")
    ana.wait_for(r"verified: ben \[")
    ben.type("after")
    ana.wait_for(r"#\d+ \+ <ben> after$")
    ana.type("/who")
    ana.wait_for(r"ben \[\S+\] \(verified, here in the room\)")
    ana.type("/unverify ben")
    ana.wait_for(r"no longer verified: ben")
    ana.type("/verify ben")
    ana.type("/yes")
    ana.wait_for(r"not done: nothing was asked|verified: ben")


def test_who_was_invited_before_they_came_is_invited_when_they_come(sit_down, start):
    ana = sit_down("ana")
    start("keys", "new", user="ben").process.wait(20)
    key = start("keys", "show", user="ben").wait_for(r"\b([0-9a-f]{64})\b")[1]
    ana.type("/create Kitchen")
    ana.type(f"/invite ben {key}")
    ana.wait_for(r"\* nobody else is in the room yet: who comes while you are here")
    ben = sit_down("ben")
    assert ben.key == key
    ben.wait_for(r"invitation 1: ana")
    ben.type("/accept")
    ben.wait_for("session code")
    ana.wait_for("session code")


def test_another_key_under_a_known_name_is_a_warning_in_lines(sit_down, start, relay):
    ana, ben = sit_down("ana"), sit_down("ben")
    ana.type("/create Kitchen")
    ana.type(f"/invite ben {ben.key}")
    ben.wait_for(r"invitation 1")
    ben.type("/accept")
    ben.wait_for("session code")
    ana.wait_for("session code")
    ben.type("/quit")
    ana.wait_for(r"\* left: ben")
    other = start(
        "chat", "--nick", "ben", "--label", "ben", "--room", "kitchen", "--relay", relay,
        user="eve",
    )
    key = other.wait_for(r"you are ben; your key: ([0-9a-f]{64})")[1]
    ana.lines.clear()
    ana.type(f"/invite ben {key}")
    other.wait_for(r"invitation 1")
    other.type("/accept")
    new = fingerprint(bytes.fromhex(key))
    ana.wait_for(r"WARNING: KEY CHANGED: ben comes with the key \[" + new)
    other.type("hello")
    ana.wait_for(r"#\d+ ! <ben> hello$")
    ana.type("/warnings")
    ana.wait_for(r"\* warning 1: KEY CHANGED")
    ana.type("/dismiss")
    ana.type("/dismiss")
    ana.wait_for(r"not done: no warnings")


def test_several_rooms_in_lines(start, relay):
    host = relay.removeprefix("tcp://")
    ana = start(
        "chat", "--nick", "ana", "--label", "ana", "--no-probe",
        "--carrier", f"tcp://{host}/kitchen", "--carrier", f"tcp://{host}/cellar",
        "--carrier", "tcp://127.0.0.1:1/nowhere",
    )  # fmt: skip
    ana.wait_for(r"WARNING: not entered: tcp://127.0.0.1:1/nowhere")
    ana.wait_for(r"\[cellar\] \* connected as ana")
    ana.type("/create soup")
    ana.wait_for(r"\[kitchen\] \* session 1 of 'soup'")
    ana.type("/room cellar")
    ana.wait_for(r"\[cellar\] \* in cellar \(tcp://")
    ana.type("down here?")
    ana.wait_for(r"\[cellar\] \* not done: not in a conversation")
    ana.type("/rooms")
    ana.wait_for(r"1 kitchen: tcp://\S+, 1 in the conversation, 1 warning$")
    ana.wait_for(r"2 cellar: .* \(this one\)$")
    ana.type(f"/join tcp://{host}/attic annie")
    ana.wait_for(r"\[attic\] \* in attic \(.*\) as annie$")
    ana.type("/part")
    ana.wait_for(r"\[cellar\] \* in cellar .* as ana$")
    ana.type("/join tcp://somebody@127.0.0.1:1")
    ana.wait_for(r"not done: that address names no room")
    ana.type("/join mqtt://somebody@127.0.0.1:1/x")
    ana.wait_for(r"not done: .* wants a password")
    ana.wait_for(r"Cure: start with MPSEQ_PASSWORD")
    ana.type("/quit")
    assert ana.end() == 0


def test_what_was_said_is_kept_only_when_asked(start, relay, tmp_path):
    saved, history = tmp_path / "saved.txt", tmp_path / "history.txt"
    ana = start(
        "chat", "--nick", "ana", "--room", "kitchen", "--relay", relay, "--history", str(history)
    )
    ana.wait_for(r"WARNING: --history: all that is shown is kept, readable, in .*history.txt")
    ana.type("/create kitchen")
    ana.type("milk and bread")
    ana.wait_for(r"<ana> milk and bread")
    ana.type(f"/save {saved}")
    ana.wait_for(r"saved in .*saved.txt, readable")
    ana.type(f"/save {saved}")
    ana.wait_for(r"not done: .*saved.txt: File exists")
    ana.type("/quit")
    assert ana.end() == 0
    for path in (saved, history):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert re.search(r"#\d+ <ana> milk and bread\n", path.read_text())
    assert "[kitchen] " in history.read_text()
    for path in (tmp_path / "user").rglob("*"):
        assert not path.is_file() or b"milk and bread" not in path.read_bytes()


def test_the_carrier_is_probed_at_the_start(start, relay):
    ana = start("chat", "--nick", "ana", "--room", "kitchen", "--relay", relay)
    ana.wait_for(r"one order for all")
    ana.type("/quit")
    assert ana.end() == 0


def test_options_that_do_not_go_together(start, tmp_path):
    for words, answer in [
        (["--open"], "--open"), (["--port", "1"], "--port"), (["--web", "--plain"], "--web"),
        (["--theme", "pink"], "dark, light and terminal"),
        (["--carrier", "mqtt://me@127.0.0.1:1/x"], "wants a password"),
    ]:  # fmt: skip
        place = [] if "--carrier" in words else ["--room", "kitchen"]
        program = start("chat", "--nick", "ana", *place, *words)
        assert program.end() == 2, words
        program.wait_for(answer)
