"""Devices that do something wrong, for tests of the interop bench: source that one runs first."""

import asyncio

from mpseq_tools.interop import station
from mpseq_tools.interop.bench import Bench

# What a device that is out of order says or does, in the names of mpseq_tools.interop.on_device.
_REPORT = """
_report = BenchAgent.report
async def report(self, value):
%s
BenchAgent.report = report
"""
_ONCE = """
_once = BenchAgent._once
async def once(self, what, command):
%s
BenchAgent._once = once
"""
TEXT_TWICE = _REPORT % """
    await _report(self, value)
    if value.get("event") == "Text":
        await _report(self, dict(value))
"""
TEXT_INVENTED = _REPORT % """
    if value.get("event") == "Text":
        value["fields"][3] += "!"
    await _report(self, value)
"""
ANOTHER_AUTHOR = _REPORT % """
    if value.get("event") == "Text":
        value["fields"][0], value["fields"][1] = "eva", "00" * 32
    await _report(self, value)
"""
TEXT_SWALLOWED = _REPORT % """
    if value.get("event") != "Text" or value["fields"][4]:
        await _report(self, value)
"""
# Says that a text never came which it has acknowledged.
TEXT_DENIED = _REPORT % """
    if value.get("event") == "Text" and not value["fields"][4] and value["fields"][3][:2] in (
        "5:", "6:"
    ):
        value = {"event": "Missing", "fields": value["fields"][:2] + [0, 0]}
    await _report(self, value)
"""
ANOTHER_CODE = _ONCE % """
    answer = await _once(self, what, command)
    if what == "state" and answer["digits"]:
        answer["digits"] = "000000"
    return answer
"""
ANOTHER_TRANSCRIPT = _ONCE % """
    answer = await _once(self, what, command)
    if what == "state":
        answer["h"] = "00" * 32
    return answer
"""
SILENT = _ONCE % """
    if what == "send":
        while True:
            await agent.asyncio.sleep(1)
    return await _once(self, what, command)
"""
DIES = _ONCE % """
    if what == "body":
        import os
        os._exit(7)
    return await _once(self, what, command)
"""
NO_MEMORY = _ONCE % """
    if what == "body":
        raise MemoryError("memory allocation failed, allocating 10348 bytes")
    return await _once(self, what, command)
"""
DEAF_TO_CLOCKS = _ONCE % """
    command.pop("clock", None)
    return await _once(self, what, command)
"""
HOSTILE = _ONCE % """
    if what == "send":
        raise ValueError("<script>alert(1)</script> \\x1b[31m | ``` \\"><img src=x onerror=y>")
    return await _once(self, what, command)
"""
NO_AES = "\nhas_aes = lambda: False\n"
OTHER_BYTES = """
_say = mpseq.Conversation.send
mpseq.Conversation.send = lambda self, text, now: _say(self, text + " ", now)
mc.eddsa_check = lambda *arguments: True
"""
OLD = "\nraise ImportError(\"no module named 'mpseq'\")\n"


def bench(extra, only, *, kinds=("cpython", "cpython"), seed=1, patience=None, **options):
    """A Bench over desktops, run; the second, cpython-2, is the odd one. `patience`: seconds for
    what does not come."""
    before = station.PATIENCE
    station.PATIENCE = patience or before
    try:
        made = Bench(kinds, seed, only, extra={"cpython-2": extra}, **options)
        asyncio.run(asyncio.wait_for(made.run(), 240))
    finally:
        station.PATIENCE = before
    return made
