"""`mpseq` as a user calls it: in this process, for its words and exit codes."""

import os
import pty
import subprocess
import sys

from typer.testing import CliRunner

from mpseq_tools.cli import app


def run(*arguments, text=None, env=None):
    """A command to its end: `exit_code`, `stdout`, `stderr`."""
    return CliRunner().invoke(app, [*map(str, arguments)], input=text, env=env)


def in_a_terminal(*arguments, typed=(), env=None, patience=60):
    """The program with a terminal of its own, into which lines are typed, each after the words
    that it waits for: (words, line). `(exit code, all that it showed)`."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mpseq_tools", *map(str, arguments)],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40", **(env or {})},
        preexec_fn=_controlling,
    )  # fmt: skip
    os.close(slave)
    shown = b""
    waiting = list(typed)
    try:
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:  # Linux: nobody has the other end any more
                break
            if not part:
                break
            shown += part
            if waiting and waiting[0][0].encode() in shown:
                os.write(master, waiting.pop(0)[1].encode() + b"\n")
        return process.wait(patience), shown.decode(errors="replace").replace("\r\n", "\n")
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _controlling():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # getpass asks the terminal, not stdin
