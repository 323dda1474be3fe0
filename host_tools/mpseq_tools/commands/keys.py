"""`mpseq keys`: who I am, whom I know, and a backup of both."""

import getpass
import os
import time
from typing import Annotated

import typer

from . import app, complete_profile, show_json, stop

keys = typer.Typer(no_args_is_help=True, help="Your identities, and the people you know.")
app.add_typer(keys, name="keys")

PROFILE = Annotated[
    str, typer.Option("--profile", autocompletion=complete_profile, help="Which identity.")
]
JSON = Annotated[bool, typer.Option("--json", help="For a machine to read.")]


@keys.command()
def show(
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            autocompletion=complete_profile,
            help="Which identity; if not given, default, which is made if need be.",
        ),
    ] = None,
    as_json: JSON = False,
):
    """Show your key, its fingerprint, and the people you know.

    --json: profile, file, key, fingerprint, created, people: nick, key, fingerprint, verified,
    first_met (seconds since 1970).
    """
    from mpseq import fingerprint
    from mpseq_tools import keys as tool

    identity, created = tool.load(profile or "default", create=profile is None)
    known = _people(profile or "default")
    if as_json:
        show_json(
            {
                "profile": profile or "default",
                "file": str(tool.path_of(profile or "default")),
                "key": identity.public.hex(),
                "fingerprint": identity.fingerprint,
                "created": created,
                "people": [
                    {
                        "nick": one.nick,
                        "key": one.key.hex(),
                        "fingerprint": fingerprint(one.key),
                        "verified": one.verified,
                        "first_met": one.first_met,
                    }
                    for one in known
                ],
            }
        )
        return
    if created:
        typer.echo("a new identity was made")
    typer.echo(f"profile      {profile or 'default'} ({tool.path_of(profile or 'default')})")
    typer.echo(f"key          {identity.public.hex()}")
    typer.echo(f"fingerprint  {identity.fingerprint}")
    typer.echo("" if len(known) else "\nYou know nobody yet: people come in with a session.")
    for one in sorted(known, key=lambda person: (not person.verified, person.nick)):
        typer.echo("  " + _line(one))


@keys.command("list")
def list_profiles(as_json: JSON = False):
    """List the identities that are here.

    --json: folder, profiles: profile, key, fingerprint, people, problem (null, or why it cannot
    be used; then the others are null).
    """
    from mpseq_tools import keys as tool
    from mpseq_tools.faults import Fault

    rows = []
    for name in tool.profiles():
        row = {"profile": name, "key": None, "fingerprint": None, "people": None, "problem": None}
        try:
            identity = tool.load(name, create=False)[0]
            row |= {"key": identity.public.hex(), "fingerprint": identity.fingerprint}
            row["people"] = len(_people(name))
        except Fault as fault:
            row["problem"] = str(fault)
        rows.append(row)
    if as_json:
        show_json({"folder": str(tool.folder()), "profiles": rows})
        return
    typer.echo(f"in {tool.folder()}:" if rows else f"no identity in {tool.folder()} yet")
    for row in rows:
        if row["problem"]:
            typer.echo(f"  {row['profile']:16} cannot be used: {row['problem']}")
        else:
            typer.echo(f"  {row['profile']:16} {row['fingerprint']}  knows {row['people']}")


@keys.command()
def new(profile: Annotated[str, typer.Argument(help="Its name: letters, digits, - and _.")]):
    """Make another identity. One for each who shares this account, or for each of your lives."""
    from mpseq_tools import keys as tool

    identity, created = tool.load(profile)
    if not created:
        stop(f"the profile {profile!r} is there already", "choose another name")
    typer.echo(f"key          {identity.public.hex()}")
    typer.echo(f"fingerprint  {identity.fingerprint}")
    typer.echo(f"Use it with: mpseq chat --profile {profile} …")


@keys.command()
def qr(
    profile: PROFILE = "default",
    nick: Annotated[
        str, typer.Option(help="As whom you are to be invited; if not given, a name of yours.")
    ] = None,
):
    """Show your key as a QR code, for somebody who wants to invite or verify you."""
    from mpseq_tools import card
    from mpseq_tools import keys as tool

    identity = tool.load(profile, create=profile == "default")[0]
    nick = nick or (profile if profile != "default" else _own_name())
    if not 1 <= len(nick.encode()) <= 32:
        raise typer.BadParameter("1 to 32 bytes", param_hint="--nick")
    line = card.text(nick, identity.public)
    typer.echo(card.qr(line).rstrip("\n"))
    typer.echo(line)
    typer.echo(card.EXPLAINED)
    typer.echo(f"fingerprint {identity.fingerprint}")


@keys.command()
def verify(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="NICK [KEY]",
            help="Whom, and the key that they told you; or a line mpseq-key-1.",
        ),
    ],
    fingerprint: Annotated[
        str, typer.Option(help="What they read out to you: five groups of four.")
    ] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="They really have another key than before.")
    ] = False,
    profile: PROFILE = "default",
):
    """Remember that a key is that of a person you know: you heard or saw it from them.

    With NICK alone it shows the fingerprint, for you to compare by voice, and asks. Exit code 1:
    it is not the same; then somebody may be in between.
    """
    from mpseq import fingerprint as fingerprint_of
    from mpseq_aio.framing import clean

    known = _people(profile)
    nick, key = _named(words)
    there = known.by_nick(nick)
    if fingerprint is not None:
        wanted = _letters(fingerprint)
        same = [one for one in there if _letters(fingerprint_of(one.key)) == wanted]
        if not same:
            _differs(nick, there)
        key = same[0].key
    elif key is None:
        if not there:
            stop(f"you have met nobody who is called {nick!r}", "give their key, too")
        typer.echo(_line(there[0]))
        if not typer.confirm(f"Does {nick} read out this fingerprint, letter for letter?"):
            stop("not verified", "if it differs, somebody may be in between: do not talk there", 1)
        key = there[0].key
    elif there and key not in [one.key for one in there] and not changed:
        _differs(nick, there)
    if key == _own_key(profile):
        stop("this is your own key", "give theirs")
    known.verify(key, nick)
    if changed:
        for one in there:
            if one.key != key:
                known.forget(one.key)
    typer.echo(f"verified: {clean(nick)}, fingerprint {fingerprint_of(key)}")


@keys.command()
def unverify(
    who: Annotated[str, typer.Argument(metavar="NICK|KEY")], profile: PROFILE = "default"
):
    """Take that back: the person stays known, unverified."""
    known = _people(profile)
    for one in _found(known, who):
        known.unverify(one.key)
        typer.echo(f"no longer verified: {_line(one)}")


@keys.command()
def forget(who: Annotated[str, typer.Argument(metavar="NICK|KEY")], profile: PROFILE = "default"):
    """Forget somebody. The next one of this nick is met as for the first time."""
    known = _people(profile)
    for one in _found(known, who):
        known.forget(one.key)
        typer.echo(f"forgotten: {_line(one)}")


@keys.command("export")
def export_backup(
    file: Annotated[str, typer.Argument(help="To write; it must not be there yet.")],
    profile: PROFILE = "default",
):
    """Write a backup of identity and people, sealed under a passphrase that is asked twice.

    Whoever has the file and the passphrase is you. To change the passphrase, export again.
    """
    from mpseq_tools import backup, psk
    from mpseq_tools import keys as tool

    identity = tool.load(profile, create=False)[0]
    if os.path.lexists(file):
        stop(f"{file} is there already", "name another file")
    passphrase = psk.ask("passphrase for this backup")
    known = list(_people(profile))
    backup.save(file, identity, known, passphrase, os.urandom)
    identity.wipe()
    if said := psk.weak(passphrase):
        typer.echo(said, err=True)
    typer.echo(f"{file}: the identity {identity.fingerprint} and {len(known)} people")


@keys.command("import")
def import_backup(
    file: Annotated[str, typer.Argument(help="What `mpseq keys export` wrote.")],
    profile: PROFILE = "default",
    replace: Annotated[
        bool, typer.Option("--replace", help="Also when another identity is here; it is lost.")
    ] = False,
):
    """Bring a backup back: the identity, and its people to those who are known here."""
    from mpseq_tools import backup, psk
    from mpseq_tools import keys as tool

    identity, persons = backup.load(file, lambda: psk.ask("passphrase of this backup", False))
    if not tool.store(profile, identity):
        here = tool.load(profile, create=False)[0]
        if here.public != identity.public:
            if not replace:
                stop(
                    f"the profile {profile!r} is another identity, {here.fingerprint}; in the"
                    f" backup is {identity.fingerprint}",
                    "--profile NAME for a new one, or --replace, which loses the one that is here"
                    " (mpseq keys export before)",
                )
            tool.store(profile, identity, replace=True)
        here.wipe()
    identity.wipe()
    _people(profile).add(persons)
    typer.echo(f"{profile}: the identity {identity.fingerprint} and {len(persons)} people")


def _people(profile):
    from mpseq_tools.people import People

    return People.load(profile)


def _line(person):
    from mpseq import fingerprint
    from mpseq_aio.framing import clean

    mark = "verified  " if person.verified else "unverified"
    met = time.strftime("%Y-%m-%d", time.localtime(person.first_met))
    return f"{clean(person.nick):16} {mark} {fingerprint(person.key)}  first met {met}"


def _own_key(profile):
    from mpseq_tools import keys as tool

    if profile not in tool.profiles():
        return None
    return tool.load(profile, create=False)[0].public


def _own_name():
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "me"


def _letters(text):
    return "".join(c for c in text.upper() if c.isalnum()).translate(str.maketrans("ILO", "110"))


def _named(words):
    """(nick, key or None) of what was given to `verify`."""
    from mpseq.errors import FrameError
    from mpseq.primitives import check_x25519_key
    from mpseq_tools import card

    line = " ".join(words)
    try:
        if line.startswith("mpseq-key-1"):
            nick, key = card.parse(line)
            check_x25519_key(key)
            return nick, key
        if len(words) == 1:
            return words[0], None
        key = bytes.fromhex(words[-1])
        check_x25519_key(key)
        if len(words) != 2 or not 1 <= len(words[0].encode()) <= 32:
            raise ValueError
    except (ValueError, FrameError):
        raise typer.BadParameter(
            "neither NICK, nor NICK KEY (64 hex digits), nor a whole line mpseq-key-1 KEY NICK",
            param_hint="NICK [KEY]",
        ) from None
    return words[0], key


def _found(known, who):
    """The people of a nick or a key; ends the command when there is none."""
    found = known.by_nick(who)
    if not found and len(who) == 64:
        try:
            found = [one for one in known if one.key == bytes.fromhex(who)]
        except ValueError:
            pass
    if not found:
        stop(f"you know nobody who is called {who!r}", "mpseq keys show lists whom you know")
    return found


def _differs(nick, there):
    """Ends the command: what was heard is not what is known."""
    if not there:
        stop(f"you have met nobody who is called {nick!r}", "give their key, too")
    known = "\n  ".join(_line(one) for one in there)
    stop(
        f"NOT the key that {nick} was known by. Known:\n  {known}",
        "ask them, by voice, whether they have a new device; then give the new key and --changed."
        " If not, somebody pretends to be them",
        1,
    )
