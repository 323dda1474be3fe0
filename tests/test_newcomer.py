"""The README's five minutes as a newcomer lives them: its very lines, in an empty home, with the
brokers as its configuration starts them. Only ports are other ones, since tests run side by side.
"""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import threading
import time

import pytest
from mosquitto import program as mosquitto
from prosody import program as prosody
from servers import free_port, listens

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
MADE = ("build/firmware/qemu-rv32-plain.elf", "dist/mip/rv32imc/package.json")


def chapter():
    return README.split("## Five minutes: two desktops and a board")[1].split("\n## ")[0]


def lines_of(carrier):
    """(the server's line, the chats', the board's, what is typed) for mqtt or xmpp."""
    shown = re.findall(r"^    (\S.*)$", chapter(), re.MULTILINE)
    server = {"mqtt": "mosquitto", "xmpp": "prosody"}[carrier]
    (start,) = [line for line in shown if server in line.split()[0]]
    chats = [line for line in shown if " chat " in line and f"{carrier}:" in line]
    (board,) = [line for line in shown if " deploy " in line and f"{carrier}:" in line]
    typed = [line for line in shown if re.match(r"/(create|invite|accept)", line)]
    return start, chats, board, typed


class Terminal:
    """One of the newcomer's: what runs in it, what it shows, what is typed."""

    def __init__(self, line, home):
        words = shlex.split(line)
        if words[0] == ".venv/bin/mpseq":
            words[:1] = [sys.executable, "-m", "mpseq_tools"]
        environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("MPSEQ_", "XDG_"))
        }
        environment |= {"HOME": str(home), "PYTHONUNBUFFERED": "1"}
        self.shown = ""
        self._process = subprocess.Popen(
            words, cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            self.shown += line

    def type(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait(self, pattern, seconds=60):
        """The match of a pattern in what is shown, once it is there."""
        return self.until(lambda: re.search(pattern, self.shown), repr(pattern), seconds)

    def until(self, condition, what, seconds=60):
        """What `condition()` gives, once it gives something; a failure when this ends before."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end or self._process.poll() is not None:
                pytest.fail(f"no {what} in\n{self.shown}", pytrace=False)
            time.sleep(0.05)
        return found

    def end(self, how=signal.SIGINT):
        if how is not None and self._process.poll() is None:
            self._process.send_signal(how)
        try:
            return self._process.wait(60)
        finally:
            self._process.kill()
            self._process.stdout.close()
            self._process.stdin.close()


def moved(path, port, folder):
    """The configuration that the README names, at another port."""
    text = (ROOT / path).read_text()
    if path.endswith(".lua"):
        text = f"c2s_ports = {{ {port} }}\n{text}"
    else:
        text = text.replace("1883", str(port))
        if os.getuid() == 0:
            text += "user root\n"  # else it becomes somebody who cannot read the test's folder
    copy = folder / pathlib.Path(path).name
    copy.write_text(text)
    return str(copy)


@pytest.mark.parametrize("carrier", ("mqtt", "xmpp"))
def test_two_desktops_and_an_emulated_board_talk(carrier, tmp_path):
    for path in MADE:
        if not (ROOT / path).exists():
            pytest.fail(f"{path} is missing. Cure: make demo mip", pytrace=False)
    start, chats, board, typed = lines_of(carrier)
    port = free_port()
    words = shlex.split(start)
    words[0] = mosquitto() if carrier == "mqtt" else prosody()
    words[-1] = moved(words[-1], port, tmp_path)
    places = {
        "mqtt://localhost": f"mqtt://localhost:{port}",
        "xmpp:garden@": f"xmpp://localhost:{port}/garden@",
        "xmpp:rooms": f"xmpp://localhost:{port}/rooms",
    }

    def elsewhere(line):
        for there, here in places.items():
            line = line.replace(there, here)
        return line

    open_ = []

    def terminal(line):
        open_.append(Terminal(line, tmp_path / "home"))
        return open_[-1]

    (tmp_path / "home").mkdir()
    server = Terminal(shlex.join(words), tmp_path / "home")
    try:
        server.until(lambda: listens("localhost", port), "server")
        ana, ben = [terminal(elsewhere(line)) for line in chats]
        keys = [chat.wait(r"your key: ([0-9a-f]{64})")[1] for chat in (ana, ben)]
        for chat in (ana, ben):
            chat.wait("one order for all, own frames come back")
        porch = terminal(elsewhere(board).replace("KEY", keys[0]))
        keys.append(porch.wait("/invite porch ([0-9a-f]{64})", 180)[1])
        create, invite, accept = typed
        ana.type(create)
        ana.wait("session 1")
        for key in keys[1:]:
            invite = invite.replace("KEY", key, 1)
        ana.type(invite)
        ben.wait("/accept 1")
        ben.type(accept)
        everyone = [r"session \d+ of 'garden': .*, .*, ", r"joined garden: .*, .*, .*; code "]
        for chat in (ana, ben):
            chat.wait(everyone[0])
        porch.wait(everyone[1])
        code = ana.shown.split("session code: ")[-1].split("\n")[0]
        assert code in ben.shown
        assert code.replace(" ", "", 1) in porch.shown
        ana.type("is it warm out there?")
        for one in (ben, porch):
            one.wait("<ana> is it warm out there\\?")
        ben.type("I hear you")
        for one in (ana, porch):
            one.wait("<ben> I hear you")
        ana.wait("confirmed by everyone", 90)
        assert not [line for one in open_ for line in one.shown.split("\n") if "WARNING" in line]
        for chat in (ana, ben):
            chat.type("/quit")
        assert [one.end(None) for one in (ana, ben)] == [0, 0]
        assert porch.end() == 0
    finally:
        for one in (*open_, server):
            one.end(signal.SIGKILL)


def test_it_takes_less_than_ten_commands():
    shown = re.findall(r"^    (\S.*)$", chapter(), re.MULTILINE)
    first = [line for line in shown if "xmpp" not in line and "prosody" not in line]
    assert len(["git clone", *first]) < 10


def test_no_server_has_to_be_configured_beyond_what_is_shown():
    for name in ("mosquitto.conf", "prosody.cfg.lua"):
        assert "127.0.0.1" in (ROOT / "host_tools/examples" / name).read_text()
