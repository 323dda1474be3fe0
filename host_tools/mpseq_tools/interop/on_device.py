"""What a device runs for `mpseq interop`: the agent of mpseq_aio, and what a bench needs beside.

Sent to the device as text, so a board needs nothing but the library on it. A line that loses bytes
loses commands and reports, too: a command that comes twice (same "id") is done once and answered
twice, and reports of events are numbered, kept for a while, and told again when asked for.

| command beside those of mpseq_aio.agent            | answer                                 |
|----------------------------------------------------|----------------------------------------|
| {"do": "about"}                                    | what this device is                    |
| {"do": "be", …, "clock": [ms, ‰], "again": n}      | clock: ahead by ms, running at ‰;      |
|                                                    | again: as before, with new random bytes|
| {"do": "body", "type", "seed": hex, "size"}        | digest of the bytes it sends           |
| {"do": "log", "from": n, "most"?}                  | reports n and later, some of them      |
| {"do": "exec", "source", "given"?, "packed"?,      | value, as the source leaves it;        |
|  "forget"?}                                        | packed: given is zlib in base64        |
| {"do": "reset"}                                    | none: the device begins anew           |
"""

import gc
import sys
from binascii import a2b_base64

import mpseq
import mpseq_aio.agent as agent
import mpseq_aio.chat as chat
from mpseq.primitives import H, check_suite, mc
from mpseq_aio import clock

KEPT = 32  # reports that can be told again
LONG = 160  # bytes of a text or datum, over which its digest is reported


def digest(data):
    return "%d bytes, %s" % (len(data), agent._text(H(b"bench", data))[:32])


def body_of(seed, size):
    out = bytearray(size)
    for at in range(0, size, 32):
        piece = H(b"body", seed, at.to_bytes(4, "big"))
        out[at : at + 32] = piece[: size - at]
    return out


def report_of(event, plain=agent._report_of):
    kind = type(event).__name__
    if kind == "Data" and len(event.data) > LONG:
        return {"event": kind, "fields": [
            event.nick, agent._text(event.key), event.number, event.content_type,
            digest(event.data), event.own,
        ]}
    if kind == "Text" and len(event.text) > LONG:
        return {"event": kind, "fields": [
            event.nick, agent._text(event.key), event.number, digest(event.text.encode()),
            event.own,
        ]}
    return plain(event)


def unpacker():
    """Undoes zlib; None on a device that cannot."""
    try:
        import io

        import deflate

        return lambda data: deflate.DeflateIO(io.BytesIO(data), deflate.ZLIB).read()
    except ImportError:
        pass
    try:
        import zlib

        return zlib.decompress
    except ImportError:
        return None


def has_aes():
    try:
        check_suite(2)
        return True
    except mpseq.errors.LocalError:
        return False


def native():
    if mc.__name__.startswith("mpseq."):
        return "pymonocypher"
    return "module" if hasattr(mc, "__file__") else "built in"


class BenchAgent(agent.Agent):
    def __init__(self, line):
        super().__init__(line)
        self._id = None
        self._answer = None
        self._names = {}
        self._begin()
        self._send = line.report
        line.report = self.report

    def _begin(self):
        self._number = 0
        self._kept = []
        self._low = None

    async def report(self, value):
        if "event" in value:
            self._number += 1
            value["n"] = self._number
            self._kept.append(value)
            if len(self._kept) > KEPT:
                self._kept.pop(0)
            if value["event"] in ("SessionStarted", "Text", "Data"):
                self._note_heap()
        await self._send(value)

    def _note_heap(self):
        free = agent._free()
        if free is not None and (self._low is None or free < self._low):
            self._low = free

    async def _do(self, what, command):
        number = command.get("id")
        if number is None or number != self._id:
            self._id = number
            try:
                answer = await self._once(what, command) or {}
            except Exception as error:
                answer = {"error": agent._described(error)}
            answer["id"] = number
            self._answer = answer
        return self._answer

    async def _once(self, what, command):
        if what == "about":
            return self._about()
        if what == "exec":
            self._names.pop("value", None)
            given = command.get("given")
            if command.get("packed"):
                given = str(unpacker()(a2b_base64(given)), "utf-8")
            self._names["given"] = given
            exec(command["source"], self._names)
            value = self._names.get("value")
            if command.get("forget"):
                self._names = {}
            return {"value": value}
        if what == "log":
            first = command["from"]
            some = [one for one in self._kept if one["n"] >= first]
            some = some[: command.get("most", 8)]
            return {"reports": some, "last": self._number}
        if what == "body":
            body = body_of(agent.unhexlify(command["seed"]), command["size"])
            told = digest(body)
            await self._chat.send_data(command["type"], body)
            return {"digest": told}
        if what == "reset":
            reset()
        answer = await super()._do(what, command)
        if what == "state":
            self._note_heap()
            answer["low"] = self._low
        return answer

    async def _be(self, command):
        await self._stop()
        self._begin()
        ahead, pace = command.get("clock", (0, 1000))
        chat.now = agent.now = lambda: ahead + clock.now() * pace // 1000
        answer = await super()._be(command)
        again = command.get("again", 0)
        if again:
            self._chat.conversation._random._seed += bytes((again,))
        return answer

    def _about(self):
        made = sys.implementation
        return {
            "runtime": agent.runtime(),
            "machine": getattr(made, "_machine", ""),
            "firmware": sys.version,
            "arch": getattr(made, "_mpy", 0) >> 10 & 15,
            "native": native(),
            "aes": has_aes(),
            "free": agent._free(),
            "unpacks": unpacker() is not None,
            "mpseq": mpseq.__version__,
        }


def reset():
    try:
        import machine
    except ImportError:
        raise SystemExit from None
    machine.reset()


if hasattr(gc, "mem_free") and gc.threshold() < 0:
    gc.threshold(4096)  # as a node: else what lives is scattered over all of the heap
agent._report_of = report_of
agent.Agent = BenchAgent
