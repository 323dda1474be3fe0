"""`mpseq`: the command line."""

import importlib

from .commands import app

# In the order of the help; each adds itself to `app`.
for _name in (
    "chat", "relay", "bridge", "deploy", "flash", "devices", "doctor", "keys", "psk", "bench",
    "interop", "forge", "audit", "demo",
):  # fmt: skip
    importlib.import_module(f"mpseq_tools.commands.{_name}")


def main():
    """Entry point of the `mpseq` program."""
    app()
