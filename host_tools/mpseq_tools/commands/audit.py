"""`mpseq audit-transcript`."""

import typer

from . import app, complete_profile, stop


@app.command("audit-transcript")
def audit_transcript(
    file: str = typer.Argument(..., help="A transcript, recorded or forged."),
    profile: str = typer.Option(
        None,
        autocompletion=complete_profile,
        help="The witness's identity, if it is yours: checks with its long-term secret too.",
    ),
):
    """Check all of a transcript, print what it says, and what it proves."""
    from mpseq_tools import audit as tool
    from mpseq_tools import keys, transcript

    try:
        secret = keys.load(profile, create=False)[0].secret if profile else None
        result = tool.audit(transcript.load(file), secret)
    except OSError as error:
        stop(f"{file}: {error.strerror or error}", "name another file")
    except tool.Refused as refused:
        typer.echo(f"Refused: {refused}.")
        raise typer.Exit(1) from None
    for line in result.lines():
        typer.echo(line)
    typer.echo(tool.VERDICT)
