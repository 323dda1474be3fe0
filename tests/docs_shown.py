"""What the documentation shows: its commands, code, links and headings. Knows Markdown, and what a
line of a shell is; test_docs.py says what must hold."""

import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = sorted(
    path for pattern in ("README.md", "host_tools/*.md", "boards/**/README.md")
    for path in ROOT.glob(pattern)
)
SHELL = ("sh", "shell", "bash", "console")
# First words by which a line of a block that does not say what it is counts as a command.
PROGRAMS = (
    "mpseq make python python3 pip pip3 pipx git sudo apt apt-get mpremote esptool mosquitto "
    "mosquitto_passwd prosody prosodyctl systemctl journalctl openssl curl chmod cp mkdir cd "
    "export sha256sum fuser lsof usermod ls ss docker date ssh qemu-system-riscv32 "
    "qemu-system-arm dmesg udevadm install"
).split()
_FENCE = re.compile(r"^( *)(`{3,}|~{3,}) *([\w+-]*)")


class Block:
    """`language`: what a fence says; "" when it says nothing, None of an indented block."""

    def __init__(self, page, line, language, lines):
        self.page = page
        self.line = line
        self.language = language
        self.text = "\n".join(lines) + "\n"

    def __str__(self):
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page
        return f"{page}:{self.line}"


def blocks(page):
    """(blocks, the text without them)"""
    found = []
    rest = []
    lines = page.read_text(encoding="utf-8").split("\n")
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        begin = at
        if fence:
            indent, marks, language = fence.groups()
            at += 1
            while at < len(lines) and lines[at].strip() != marks:
                at += 1
            inside = [line.removeprefix(indent) for line in lines[begin + 1 : at]]
            found.append(Block(page, begin + 2, language.lower(), inside))
            at += 1
        elif lines[at].startswith("    ") and (at == 0 or not lines[at - 1].strip()):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            inside = [line[4:] for line in lines[begin:at]]
            found.append(Block(page, begin + 1, None, inside))
        else:
            rest.append(lines[at])
            at += 1
    return found, "\n".join(rest)


class Command:
    """A line that somebody may type. `words`: as a shell reads them, without a path before ours
    and without variables set before."""

    def __init__(self, where, line):
        self.where = where
        self.line = line
        words = shlex.split(line)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words and words[0] == "sudo":
            words.pop(0)
        if words:
            words[0] = words[0].removeprefix(".venv/bin/")
        self.words = words

    @property
    def signature(self):
        """What decides how it is tested: of `mpseq` the command and its options, of `make` the
        target and its variables, of others all words."""
        words = self.words
        if words[0] == "mpseq":
            names = []
            for word in words[1:]:
                if not re.fullmatch(r"[a-z][a-z-]*", word) or len(names) == 2:
                    break
                names.append(word)
            options = sorted({one.partition("=")[0] for one in words if one.startswith("-")})
            return " ".join(["mpseq", *command_of(names), *options])
        if words[0] == "make" and "-C" not in words:
            return " ".join(one.partition("=")[0] for one in words)
        return " ".join(words)

    def __str__(self):
        return f"{self.where}: {self.line}"


def command_of(names):
    """The names of these that are a command's of `mpseq`, not an argument."""
    from typer.main import get_command

    from mpseq_tools.cli import app

    known = []
    command = get_command(app)
    for name in names:
        command = getattr(command, "commands", {}).get(name)
        if command is None:
            break
        known.append(name)
    return known or names[:1]


def commands(block):
    """The Commands of a block; none when it is not of a shell."""
    lines = block.text.replace("\\\n", " ").splitlines()
    prompted = [line[2:] for line in lines if line.startswith("$ ")]
    if block.language not in (*SHELL, "", None):
        return []
    if prompted:
        lines = prompted
    elif block.language not in SHELL:
        first = [Command(str(block), one) for one in map(_bare, lines[:1]) if _is_shell(one)]
        if block.language is None and not (first and _known(first[0])):
            return []
        lines = [line for line in lines if _is_shell(_bare(line)) and (
            block.language is None or _known(Command(str(block), _bare(line)))
        )]
    found = []
    for line in map(_bare, lines):
        for part in re.split(r"\s(?:\||&&|;)\s|\s&$", line):
            if part.strip():
                found.append(Command(str(block), part.strip()))
    return [one for one in found if one.words]


def _bare(line):
    """Without its comment, and without what goes to or comes from a file."""
    line = re.sub(r"(^|\s)#.*$", "", line)
    return re.sub(r"\s\d?[<>]{1,2}&?\s?\S+", "", line).strip()


def _is_shell(line):
    try:
        return bool(line) and bool(shlex.split(line))
    except ValueError:
        return False


def _known(command):
    return bool(command.words) and command.words[0] in PROGRAMS


def spans(text):
    """What stands between `…` in running text, on one line each."""
    return [" ".join(one.split()) for one in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]


def links(text):
    """(file or "", heading or "") of the links to something here."""
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            yield target.partition("#")[::2]


def anchors(page):
    """The headings of a page, as links name them."""
    _, text = blocks(page)
    for heading in re.findall(r"^#+ +(.*)$", text, re.MULTILINE):
        heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        yield re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-")
