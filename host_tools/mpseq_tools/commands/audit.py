"""`mpseq audit-transcript`."""

import typer

from . import app, complete_profile, show_json, stop


@app.command("audit-transcript")
def audit_transcript(
    file: str = typer.Argument(..., help="A transcript, recorded or forged."),
    profile: str = typer.Option(
        None,
        autocompletion=complete_profile,
        help="The witness's identity, if it is yours: checks with its long-term secret too.",
    ),
    as_json: bool = typer.Option(False, "--json", help="For a machine to read."),
):
    """Check all of a transcript, print what it says, and what it proves.

    Exit code 1: something in it does not fit. --json: accepted, refused (null, or why), and, if
    accepted, witness (key), people: nick, key; sessions: people (nicks), code (or null); texts:
    session (from 1), nick, text, counts; frames, checks: what was checked, how often; doubts.
    """
    from mpseq_aio.framing import clean
    from mpseq_tools import audit as tool
    from mpseq_tools import keys, transcript

    try:
        secret = keys.load(profile, create=False)[0].secret if profile else None
        result = tool.audit(transcript.load(file), secret)
    except OSError as error:
        stop(f"{file}: {error.strerror or error}", "name another file")
    except tool.Refused as refused:
        if as_json:
            show_json({"accepted": False, "refused": str(refused)})
        else:
            typer.echo(clean(f"Refused: {refused}."))
        raise typer.Exit(1) from None
    if as_json:
        show_json({"accepted": True, "refused": None, **_plain(result)})
        return
    for line in result.lines():
        typer.echo(line)
    typer.echo(tool.VERDICT)


def _plain(result):
    people = {who.key: who.nick for ring in reversed(result.rings) for who in ring.people}
    whole = [ring for ring in result.rings if ring.complete]
    return {
        "witness": result.witness.hex(),
        "people": [{"nick": nick, "key": key.hex()} for key, nick in people.items()],
        "sessions": [
            {
                "people": [who.nick for who in ring.people],
                "code": f"{ring.code.digits} {' '.join(ring.code.words)}" if ring.code else None,
            }
            for ring in whole
        ],
        "texts": [
            {"session": session, "nick": nick, "text": text, "counts": bool(counts)}
            for session, nick, text, counts in result.texts
        ],
        "frames": result.frames,
        "checks": dict(result.counts),
        "doubts": [str(doubt) for doubt in result.doubts],
    }
