"""What the README files show is so: each command parses and is run by a test, each file and
heading that they name is there, their programs compile, and those of DEVELOPERS.md run."""

import ast
import fnmatch
import os
import re
import subprocess
import sys

import docs_commands
import pytest
import typer
from docs_shown import PAGES, ROOT, Command, anchors, blocks, commands, links, spans
from typer.main import get_command

from mpseq_tools import rooms
from mpseq_tools.cli import app

TESTS = ROOT / "tests"
DEVELOPERS = ROOT / "host_tools" / "DEVELOPERS.md"
_PLACEHOLDER = re.compile(r"^[A-Z][A-Z_]*$")


def shown():
    return [one for page in PAGES for block in blocks(page)[0] for one in commands(block)]


def wrong_with(command):
    """What `mpseq` has against a command, or None."""
    tool = get_command(app)
    name = "mpseq"
    words = [word for word in command.words[1:] if word not in ("…", "...")]
    while words and hasattr(tool, "commands") and not words[0].startswith("-"):
        name = words.pop(0)
        tool = tool.commands.get(name)
        if tool is None:
            return f"there is no {name}"
    fault = _refusal(tool, name, words)
    if fault:  # it may be a placeholder that is no number
        fault = _refusal(tool, name, [_PLACEHOLDER.sub("1", word) for word in words])
    for option, word in zip(words, words[1:], strict=False):
        if not fault and option in ("--carrier", "--relay") and name != "deploy":
            try:
                rooms.at(re.sub(r"\bPORT\b", "1", word))
            except rooms.AddressFault as error:
                fault = str(error)
    return fault


def _refusal(tool, name, words):
    try:
        tool.make_context(name, list(words))
    except typer.Exit:
        pass
    except Exception as error:  # of typer or of click: which of them, depends on the version
        return error.format_message()
    return None


def test_there_are_pages_and_commands():
    assert len(PAGES) > 8 and len(shown()) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_shown_can_be_typed(page):
    wrong = []
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for block in blocks(page)[0]:
        for command in commands(block):
            if command.words[0] == "mpseq":
                fault = wrong_with(command)
            elif command.words[0] == "make" and "-C" not in command.words:
                fault = [one for one in command.words[1:] if "=" not in one and one not in targets]
            else:
                continue
            if fault:
                wrong.append(f"{command}: {fault}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_running_text_exist(page):
    wrong = []
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for span in spans(blocks(page)[1]):
        words = span.removeprefix(".venv/bin/").split()
        if words[0] == "make" and len(words) > 1 and words[1].isalpha():
            if words[1] not in targets:
                wrong.append(span)
        if words[0] != "mpseq" or len(words) == 1 or "…" in words[1] or words[1] == "COMMAND":
            continue
        tool = get_command(app)
        for word in words[1:]:
            if hasattr(tool, "commands") and not word.startswith("-"):
                tool = tool.commands.get(word)
        if tool is None:
            wrong.append(span)
            continue
        flags = {flag for one in tool.params for flag in (*one.opts, *one.secondary_opts)}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        if used - flags - {"--help"}:
            wrong.append(span)
    assert not wrong, "\n".join(wrong)


def test_every_command_that_is_shown_is_run_by_a_test():
    """tests/docs_commands.py says by which. For one that is new, write a test first; only what
    needs hardware or the world outside is parsed and no more."""
    new = []
    for command in shown():
        signature = command.signature
        if signature in docs_commands.RUN_BY:
            continue
        if not any(fnmatch.fnmatchcase(signature, one) for one in docs_commands.NOT_RUN):
            new.append(f"{command}\n    to be listed as {signature!r}")
    assert not new, "in no list of tests/docs_commands.py:\n" + "\n".join(new)


@pytest.mark.parametrize("signature", docs_commands.RUN_BY)
def test_the_test_that_is_named_runs_it(signature):
    for place in docs_commands.RUN_BY[signature].split():
        name, _, function = place.partition("::")
        path = TESTS / name
        assert path.exists(), f"{signature}: there is no {name}"
        text = path.read_text()
        if function:
            assert re.search(rf"^(async )?def {function}\(", text, re.MULTILINE), place
    words = signature.split()
    if words[0] == "mpseq":
        texts = "".join(
            (TESTS / place.partition("::")[0]).read_text()
            for place in docs_commands.RUN_BY[signature].split()
        )
        for word in words[1:] if "README.md" not in texts else ():
            assert re.search(rf"(?<![\w-]){word}\b", texts), f"{signature}: no {word} in its tests"


def test_no_entry_of_the_lists_is_left_over():
    signatures = {command.signature for command in shown()}
    old = [one for one in docs_commands.RUN_BY if one not in signatures]
    old += [
        one for one in docs_commands.NOT_RUN
        if not any(fnmatch.fnmatchcase(found, one) for found in signatures)
    ]
    assert not old, "shown nowhere any more, take it out of tests/docs_commands.py: " + str(old)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_heading_that_is_linked_exists(page):
    wrong = []
    for name, heading in links(blocks(page)[1]):
        there = page.parent / name if name else page
        if not there.exists():
            wrong.append(name)
        elif heading and there.suffix == ".md" and heading not in anchors(there):
            wrong.append(f"{name}#{heading}")
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_program_compiles(page):
    for block in blocks(page)[0]:
        if block.language in ("python", "py"):
            compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("name", ["VERIFY.md", "TROUBLE.md"])
def test_messages_that_are_explained_are_said_by_the_code(name):
    said = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("host_tools/mpseq_tools", "lib") for path in (ROOT / folder).rglob("*.py")
    )
    said = re.sub(r"\{[^{}\n]*\}|%[sd]", "…", re.sub(r'["\']\s*f?["\']', "", said))
    gone = []
    page = (ROOT / "host_tools" / name).read_text(encoding="utf-8")
    for row in re.findall(r"^\| ?(`[^|]*)\|", page, re.MULTILINE):
        for span in spans(row):
            gone += [part for part in span.split("…") if part.strip() and part.strip() not in said]
    assert not gone


# --- DEVELOPERS.md: a program that ends by itself is run, a test is run, the rest is type-checked

_AROUND = """
from __future__ import annotations
import asyncio, os
from typing import Any
from mpseq import Identity, Settings, errors, events, fingerprint, membership
from mpseq_aio.chat import Chat
from mpseq_aio.chat import Connected, Disconnected, Dropped, Entered, Fault, Gone, Unacceptable
from mpseq.invitation import Invitation
from mpseq_tools import keys, people, rooms
from mpseq_tools.relay import Relay

async def part(chat: Chat, identity: Identity, key: bytes, invitation: Invitation) -> Any:
"""


def developers(kind):
    found = [block for block in blocks(DEVELOPERS)[0] if block.language == "python"]
    programs = [one for one in found if "asyncio.run(" in one.text and "def test_" not in one.text]
    tests = [one for one in found if "def test_" in one.text]
    parts = [one for one in found if one not in programs and one not in tests]
    return {"programs": programs, "tests": tests, "parts": parts}[kind]


@pytest.mark.parametrize("block", developers("programs") if DEVELOPERS.exists() else [], ids=str)
def test_the_developers_programs_run(block, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(block.text)
    run = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, timeout=240, cwd=tmp_path,
        env={**os.environ, "MPSEQ_HOME": str(tmp_path / "keys")},
    )
    assert run.returncode == 0, run.stderr
    for line in re.findall(r"# prints (.*)", block.text):
        assert line in run.stdout.splitlines()


def test_the_developers_test_runs(tmp_path):
    for number, block in enumerate(developers("tests")):
        (tmp_path / f"test_{number}.py").write_text(block.text)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        capture_output=True, text=True, timeout=240, cwd=tmp_path,
    )
    assert run.returncode == 0 and "passed" in run.stdout, run.stdout


def test_the_developers_pieces_fit_the_types(tmp_path):
    for number, block in enumerate(developers("parts")):
        body = "".join(f"    {line}\n" for line in block.text.splitlines())
        (tmp_path / f"part_{number}.py").write_text(_AROUND + body)
    for number, block in enumerate(developers("programs") + developers("tests")):
        (tmp_path / f"program_{number}.py").write_text(block.text)
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--cache-dir", tmp_path / "cache",
         *sorted(tmp_path.glob("*.py"))],
        capture_output=True, text=True,
        env={**os.environ, "MYPYPATH": f"{ROOT / 'lib'}:{ROOT / 'host_tools'}"},
    )
    assert run.stdout == "" and run.returncode == 0, run.stdout + run.stderr


def test_every_event_is_explained():
    from mpseq import events
    from mpseq_aio import inbox

    text = DEVELOPERS.read_text()
    known = {entry.split(" ")[0] for entry in events.EVENTS.split(";")}
    known = {re.match(r"\w+", name)[0] for name in known} - {"Member", "Code"}
    known |= {
        name for name in vars(inbox) if hasattr(getattr(inbox, name), "_fields")
    }
    cells = re.findall(r"^\|([^|]*)\|", text, re.MULTILINE)
    explained = set(re.findall(r"`(\w+)\(", "".join(cells)))
    assert known <= explained, known - explained


def test_every_method_of_chat_is_explained():
    from mpseq_aio.chat import Chat

    text = DEVELOPERS.read_text()
    public = [name for name in vars(Chat) if not name.startswith("_")]
    assert [name for name in public if not re.search(rf"`(chat\.)?{name}\b", text)] == []


# --- and the finder finds

def test_a_wrong_command_is_found():
    def fault(line):
        return wrong_with(Command("here", line))

    assert fault(".venv/bin/mpseq chat --nick ana --room garden") is None
    assert fault("mpseq relay --port PORT") is None
    assert "No such option" in fault("mpseq chat --nick ana --rom garden")
    assert "Missing option" in fault("mpseq chat --room garden")
    assert "there is no chatt" in fault("mpseq chatt")
    assert fault("mpseq relay --port none")
    assert "is no address" in fault("mpseq chat --nick ana --carrier ftp/room")


PAGE = """Text

    .venv/bin/mpseq relay    # comment
    make \\
      demo

```
layout ---
mpseq demo
```

```sh
FOO=1 sudo anything at all
$HOME/x | wc && mpseq psk <in >out
```

```console
$ mpseq chat --nick ana
12:00 hello
```

- item

  ```sh
  make test
  ```

    import os

```python
make = 1
```
[a](page.md#b-c), [elsewhere](https://host/x)
## B `c`!
"""


def test_blocks_and_commands_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    found = [one for block in blocks(page)[0] for one in commands(block)]
    assert [" ".join(one.words) for one in found] == [
        "mpseq relay", "make demo", "mpseq demo", "anything at all", "$HOME/x", "wc", "mpseq psk",
        "mpseq chat --nick ana", "make test",
    ]
    assert found[7].signature == "mpseq chat --nick"
    assert list(links(blocks(page)[1])) == [("page.md", "b-c")]
    assert list(anchors(page)) == ["b-c"]
