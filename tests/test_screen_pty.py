"""`mpseq chat` on a real terminal: what it leaves there, whatever ends it."""

import contextlib
import os
import re
import signal
import sys
import time

import pexpect
import pyte
import pytest
from test_chat_command import relay, start  # noqa: F401  (fixtures)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *arguments, home, columns=80, rows=24):
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.process = pexpect.spawn(
            sys.executable, ["-m", "mpseq_tools", *arguments], dimensions=(rows, columns),
            env={**os.environ, "MPSEQ_HOME": str(home), "TERM": "xterm-256color"}, timeout=15,
        )  # fmt: skip

    def wait_for(self, pattern, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            shown = "\n".join(self.screen.display)
            if found := re.search(pattern, shown):
                return found
            self._read()
        raise AssertionError(f"no {pattern!r} on:\n" + "\n".join(self.screen.display))

    def _read(self):
        try:
            data = self.process.read_nonblocking(65536, 0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True

    def end(self):
        """Waits for its own end; its exit code."""
        until = time.monotonic() + 60
        while self._read() and time.monotonic() < until:
            pass
        self.process.close()
        return self.process.exitstatus

    def left_as_it_was(self):
        """Whether the terminal has its own screen, cursor and mouse again."""
        modes = [b"?1049", b"?25", b"?1000", b"?2004"]
        last = {mode: re.findall(re.escape(mode) + rb"[hl]", self.raw)[-1][-1:] for mode in modes}
        return last == {b"?1049": b"l", b"?25": b"h", b"?1000": b"l", b"?2004": b"l"}


@pytest.fixture
def sit_down(relay, tmp_path):  # noqa: F811
    terminals = []

    def sit_down(nick, *options, **size):
        terminals.append(
            Terminal(
                "chat", "--nick", nick, "--label", nick, "--room", "kitchen", "--relay", relay,
                "--no-probe", *options, home=tmp_path / nick, **size,
            )
        )  # fmt: skip
        terminals[-1].wait_for(r"connected as " + nick)
        return terminals[-1]

    yield sit_down
    for one in terminals:
        with contextlib.suppress(OSError, pexpect.ExceptionPexpect):
            one.process.close(force=True)


@pytest.mark.parametrize("way", ["/quit", "ctrl-c", "term", "hangup"])
def test_the_terminal_is_given_back_and_good_bye_is_said(sit_down, start, relay, way):  # noqa: F811
    ben = start(
        "chat", "--nick", "ben", "--label", "ben", "--room", "kitchen", "--relay", relay,
        user="ben",
    )
    key = ben.wait_for(r"you are \S+; your key: ([0-9a-f]{64})")[1]
    ana = sit_down("ana")
    ana.wait_for("/me shows your key whole: c copies it")
    ana.process.send("/create Kitchen\r")
    ana.wait_for("session 1 of 'Kitchen'")
    ana.process.send(f"/invite ben {key}\r")
    ben.wait_for(r"invitation 1")
    ben.type("/accept")
    ana.wait_for(r"code \d{3} \d{3}, \w+ \w+ \w+ +Kitchen: 2 people")
    ana.process.send("hello ben\r")
    ben.wait_for(r"<ana> hello ben$")
    if way == "/quit":
        ana.wait_for(r"✓ ana: hello ben")
        ana.process.send("/quit\r")
    elif way == "ctrl-c":
        ana.process.send("\x03")
        ana.wait_for("Ctrl-C once more")
        ana.process.send("\x03\x03")  # if this was shown late, the next one is a first one again
    elif way == "term":
        ana.process.kill(signal.SIGTERM)
    else:
        os.close(ana.process.child_fd)  # the window is closed: SIGHUP
    ben.wait_for(r"\* ana leaves")
    if way == "hangup":
        os.waitpid(ana.process.pid, 0)
    else:
        assert ana.end() == 0
        assert ana.left_as_it_was()
        assert b"Traceback" not in ana.raw


def test_plain_lines_on_a_terminal_when_wished(sit_down):
    ana = sit_down("ana", "--plain")
    ana.process.send("/create alone\r")
    ana.wait_for(r"session 1 of 'alone'")
    assert b"?1049h" not in ana.raw
    ana.process.send("/quit\r")
    assert ana.end() == 0


def test_an_account_is_asked_for_its_password_before(tmp_path):
    ana = Terminal(
        "chat", "--nick", "ana", "--carrier", "mqtt://me@127.0.0.1:1/kitchen", home=tmp_path
    )
    ana.wait_for(r"password of me:")
    ana.process.send("secret word\r")
    code = ana.end()
    assert code not in (0, None) and b"?1049h" not in ana.raw
    assert b"secret word" not in ana.raw and b"Cure: " in ana.raw
