"""A member driven from the host's end of its cable: for tests, the demo and `mpseq interop`.

On the device `import mpseq_aio.agent; mpseq_aio.agent.main()`; the host sends COMMANDs, the device
answers each with one REPORT {"re": what, …} and reports every event as {"event": name, …}. Keys
and hashes travel as hex. The host at the end of the cable can do with the device whatever it
likes anyway; nothing of this ever reaches a room.

| command                                          | answer, beside "re"                         |
|--------------------------------------------------|---------------------------------------------|
| {"do": "be", "nick", "room", "seed"?, "tcp"?, "settings"?} | key, fingerprint, runtime, free   |
| {"do": "open"}                                   | labels                                      |
| {"do": "create", "name", "suite"?}               |                                             |
| {"do": "invite", "people": [[nick, key]]}        |                                             |
| {"do": "send", "text"}                           |                                             |
| {"do": "send_data", "type", "data": hex}         |                                             |
| {"do": "rekey"}, {"do": "leave"}, {"do": "quit"} |                                             |
| {"do": "state"}                                  | members, digits, words, count, h, free, now |

"seed" (hex) makes all randomness of the member follow from it: for tests that compare runtimes,
never for people. "tcp": [host, port] joins the room there and not through the cable.
"""

import asyncio
import gc
import sys
from binascii import hexlify, unhexlify

from mpseq import Identity, Settings, errors, events
from mpseq.primitives import H

from . import link
from .chat import Chat
from .clock import now
from .entropy import urandom
from .serial import SerialRoom


class SeededBytes:
    """Random bytes that all follow from a seed: reproducible, therefore not secret."""

    def __init__(self, seed):
        self._seed = seed
        self._at = 0

    def __call__(self, size):
        out = b""
        while len(out) < size:
            self._at += 1
            out += H(b"seeded", self._seed, self._at.to_bytes(4, "big"))
        return out[:size]


def _text(data):
    return str(hexlify(data), "ascii")


def _plain(value):
    """A value as JSON can carry it: bytes as hex, named tuples as their parts."""
    if isinstance(value, (bytes, bytearray)):
        return _text(value)
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def runtime():
    """For instance "micropython 1.25.0 qemu" or "cpython 3.11.7 linux"."""
    version = ".".join([str(part) for part in tuple(sys.implementation.version)[:3]])
    return "%s %s %s" % (sys.implementation.name, version, sys.platform)


def _free():
    gc.collect()
    return gc.mem_free() if hasattr(gc, "mem_free") else None


def _described(error):
    return "%s: %s" % (type(error).__name__, error)


def _report_of(event):
    kind = type(event).__name__
    if kind == "Invited":
        invitation = event.invitation
        return {"event": kind, "name": invitation.name, "inviter": _text(invitation.inviter)}
    if kind == "Unacceptable":
        return {"event": "Error", "error": "not accepted: " + event.reason}
    return {"event": kind, "fields": [_plain(value) for value in event], "now": now()}


class Agent:
    """`line`: a SerialRoom; its commands drive one member."""

    def __init__(self, line):
        self._line = line
        self._chat = None
        self._watching = None
        self._joining = None

    async def run(self):
        """Serves until "quit" or until the line ends."""
        try:
            what = None
            while what != "quit":
                answer = {"re": None}
                try:
                    command = await self._line.next_command()
                    answer["re"] = what = command.get("do")
                    answer.update(await self._do(what, command) or {})
                except link.CarrierLost as error:
                    if answer["re"] is None:
                        raise  # the line itself
                    answer["error"] = _described(error)
                except Exception as error:
                    answer["error"] = _described(error)
                await self._line.report(answer)
        except link.CarrierLost:
            pass
        finally:
            await self._stop()

    async def _stop(self):
        for task in (self._watching, self._joining):
            if task:
                task.cancel()
        self._watching = self._joining = None
        if self._chat:
            chat, self._chat = self._chat, None
            await chat.close()

    async def _join(self):
        try:
            await self._chat.join()
        except errors.LocalError:  # in already, or closed
            pass

    async def _watch(self):
        chat = self._chat
        while True:
            event = await chat.next_event()
            if event is None:
                return
            try:
                await self._line.report(_report_of(event))
            except link.CarrierLost:
                return
            except Exception as error:
                await self._line.report({"event": "Error", "error": _described(error)})
            if isinstance(event, events.Left) and self._joining.done():
                self._joining = asyncio.create_task(self._join())

    async def _do(self, what, command):
        if what == "be":
            return await self._be(command)
        if what == "quit":
            return None
        chat = self._chat
        if chat is None:
            raise ValueError('first {"do": "be", …}')
        if what == "open":
            await self._open()
            return {"label": chat.carrier.label}
        if what == "create":
            chat.create(command["name"], suite=command.get("suite", 1))
        elif what == "invite":
            chat.invite([(nick, unhexlify(key)) for nick, key in command["people"]])
        elif what == "send":
            for character in command["text"]:
                if 0xD800 <= ord(character) < 0xE000:  # MicroPython's json makes such
                    raise errors.LocalError("a text that has no UTF-8")
            await chat.send(command["text"])
        elif what == "send_data":
            await chat.send_data(command["type"], unhexlify(command["data"]))
        elif what == "rekey":
            chat.rekey()
        elif what == "leave":
            return {"heard": await chat.leave()}
        elif what == "state":
            return self._state()
        else:
            raise ValueError("unknown command %r" % what)

    async def _open(self):
        chat = self._chat
        try:
            await chat.open()
        except BaseException:
            if chat.carrier is self._line:
                self._line.listen()  # the carrier is closed, the commands go on
            raise
        self._watching = asyncio.create_task(self._watch())
        self._joining = asyncio.create_task(self._join())

    async def _be(self, command):
        await self._stop()
        random = urandom
        if command.get("seed"):
            random = SeededBytes(unhexlify(command["seed"]))
        settings = Settings()
        for name, value in command.get("settings", {}).items():
            setattr(settings, name, value)
        carrier = self._line
        if command.get("tcp"):
            from .tcp import TcpRoom

            host, port = command["tcp"]
            carrier = TcpRoom(host, port, command["room"], link.any_label())
        else:
            carrier.listen()
            carrier.room = link.check_name(command["room"])
            carrier.label = carrier.wanted = link.any_label()
        identity = Identity.generate(random)
        self._chat = Chat(identity, command["nick"], carrier, random, settings=settings)
        return {
            "key": _text(identity.public),
            "fingerprint": identity.fingerprint,
            "runtime": runtime(),
            "free": _free(),
        }

    def _state(self):
        conversation = self._chat.conversation
        count, h = conversation.transcript
        code = conversation.code
        return {
            "members": [[who.nick, _text(who.key)] for who in conversation.members],
            "digits": code.digits if code else None,
            "words": " ".join(code.words) if code else None,
            "count": count,
            "h": _text(h),
            "exchange": conversation.exchange_running,
            "refused": conversation.refused,
            "free": _free(),
            "now": now(),
        }


def main():
    """Runs an Agent on the REPL's own line until the host says "quit"."""
    line = SerialRoom("-", "-")
    try:
        asyncio.run(Agent(line).run())
    finally:
        line._port.close()


if __name__ == "__main__":
    main()
