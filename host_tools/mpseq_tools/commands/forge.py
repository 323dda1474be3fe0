"""`mpseq forge`."""

import os
from typing import Annotated

import typer

from . import app, save, source, stop


@app.command()
def forge(
    people: Annotated[
        list[str],
        typer.Argument(
            metavar="NICK=KEY", help="Who is in it, by public key; the first founds the room."
        ),
    ],
    script: str = typer.Option(..., help="A file: who says what, one line each."),
    out: str = typer.Option(..., help="The transcript to write."),
    witness: str = typer.Option(None, help="Whose view it is: a nick; if not given, the first."),
    suite: int = typer.Option(1, min=1, max=2, help="How it is sealed, as for `mpseq chat`."),
):
    """Make a complete transcript of a conversation that never was, from public keys alone.

    Lines of the script: `ana: a text`, `ana /invite ben eva`, `ben /rekey`, `eva /leave`,
    `ben /cheat`, `/wait SECONDS`, `# a comment`. Whom no line invites is there from the beginning.
    """
    from mpseq_tools import forge as tool
    from mpseq_tools import transcript

    try:
        keys = tool.parse_people(people)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NICK=KEY") from None
    if witness is not None and witness not in keys:
        raise typer.BadParameter(f"{witness!r} is none of them", param_hint="--witness")
    if os.path.exists(out):
        raise typer.BadParameter(f"{out} is there already", param_hint="--out")
    text = source(script, "--script")
    try:
        forged = tool.forge(keys, text, witness, suite=suite)
    except tool.ScriptFault as fault:
        stop(f"{script}: {fault}", "correct that line.")
    if forged is None:
        stop(f"{witness} is in no session of this script", "name another witness.")
    save(transcript, forged, out, "--out")
    typer.echo(f"{out}: a conversation of {', '.join(keys)} that never was.")
    typer.echo(f"mpseq audit-transcript {out} finds nothing wrong with it.")
