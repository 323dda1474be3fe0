"""A board that takes part by itself: it connects, joins, comes back after a reset, and goes on
whatever happens. `run()` is all that a `main.py` needs; what it does stands in `config`.

    from mpseq_board.node import run

    async def on_text(node, event):  # a text of somebody else: event.nick, event.key, event.text
        await node.send("I heard you, " + event.nick)

    run(on_text=on_text)
"""

import asyncio
import gc
import sys
from collections import namedtuple

from mpseq import errors
from mpseq_aio.chat import Chat
from mpseq_aio.clock import now

from .company import Company

FOLDER = "/mpseq.d"  # as in config, which is not loaded longer than it is read

# For `on_event`: somebody is here under a known nick with another key.
KeyChanged = namedtuple("KeyChanged", ("nick", "key"))

# Bytes kept in one piece until a session comes, which wants some of a kilobyte: all else leaves
# small holes in a heap.
_WHOLE = 6144
_OVERDUE = 30000  # ms without progress after which the watchdog is not fed


class Node:
    """`folder`: where settings and keys are. `on_text`, `on_data`, `on_event`: plain or async
    functions of (node, event); of texts and data those of others, of events (see mpseq.events,
    mpseq_aio.inbox, and KeyChanged) all. Events wait while an async one runs. `tasks`: async
    functions of (node), each called again a second after it has ended. `console`: whether people
    may type commands. `passphrase` opens the key store, `port` takes the place of the
    REPL's line."""

    def __init__(
        self,
        folder=FOLDER,
        on_text=None,
        on_data=None,
        on_event=None,
        tasks=(),
        console=True,
        passphrase=b"",
        port=None,
    ):
        self.folder = folder
        self.config = self.identity = self.source = self.chat = self.company = None
        self.known = []  # (nick, key, verified) as in the key store
        self.counts = [0, 0, 0]  # messages sent, received; re-keys
        self.away = False  # left by a person's word: no invitation is taken
        self._on = {"Text": on_text, "Data": on_data}
        self._on_event = on_event
        self._passphrase = passphrase
        self._port = port
        self._wants_console = console
        self.whole = self._console = self._line = self._dog = None  # _line: a SerialRoom
        self._works = tasks
        self._tasks = []

    # --- for applications

    @property
    def members(self):
        """Who is in the conversation (nick, key, index), this board too; empty outside."""
        return self.chat.members if self.chat else []

    @property
    def code(self):
        """The session code, `digits` and `words`, or None."""
        return self.chat.code if self.chat else None

    def is_verified(self, key):
        """Whether a person has compared the code with whoever has this key."""
        return (key, True) in [one[1:] for one in self.known]

    @property
    def store(self):
        """The key store, opened anew each time: kept open it would take 6 kB from a board. Give it
        to `learn` afterwards."""
        from .keystore import KeyStore

        return KeyStore(self.folder, self.source, self._passphrase)

    def learn(self, store):
        """Takes over what a key store knows, and closes it."""
        store.close()
        self.known = store.people()
        if self.identity is None:
            self.identity = store.identity
        elif store.identity is not self.identity:
            store.identity.wipe()
        unload("mpseq_board.keystore")

    async def send(self, text):
        """Sends a text; mpseq.errors.LocalError outside of a conversation."""
        await self._in().send(text)

    async def send_data(self, content_type, data):
        """Sends bytes with a content type, like "text/csv"; LocalError as `send`."""
        await self._in().send_data(content_type, data)

    def _in(self):
        if not self.members:
            raise errors.LocalError("not in a conversation")
        self.counts[0] += 1
        return self.chat

    async def leave(self):
        """Leaves the conversation, and stays out until `away` is set to False."""
        self.away = True
        if self.members:
            await self.chat.leave()

    def panic(self):
        """Wipes the session, the identity, the keys of all people and the settings from memory and
        flash, and resets the board. The others see a member that falls silent."""
        from .rare import panic

        panic(self)

    def log(self, text):
        """Prints a line, between frames if need be."""
        from mpseq_aio.plain import clean

        text = "mpseq: " + clean(text)
        if self._console and self._console.typing():
            text = "\r\n" + text
        if self._line:
            self._line.log(text)
        else:
            print(text)

    def fault(self, error):
        """What went wrong is shown, and forgotten."""
        if isinstance(error, MemoryError):
            gc.collect()
        self.log("fault: %s: %s" % (type(error).__name__, error))

    def echo(self, data):
        """Writes bytes of a line that is being typed."""
        if self._line or self._port:
            (self._line.echo if self._line else self._port.write)(data)

    # --- the work

    async def main(self):
        """Works until it is cancelled."""
        asyncio.create_task(self._for_ever(self._keep))
        pause = 1
        while True:
            try:
                await self._live()
            except Exception as error:
                self.log("stopped: %s: %s" % (type(error).__name__, error))
            try:
                await self._end()
            except Exception as error:
                self.fault(error)
            gc.collect()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 60)

    async def _live(self):
        self.whole = bytearray(_WHOLE)
        from .store import resume

        resume(self.folder, self._feed)
        from .config import load, people

        self.config = config = load(self.folder)
        company = Company(self, people(config))
        unload("mpseq_board.config")
        if config["watchdog"] and not self._dog:
            from .rare import watchdog

            self._dog = watchdog(config["watchdog"])
        from mpseq_aio.address import room_at

        carrier = room_at(config["carrier"])
        unload("mpseq_aio.address")
        unload("mpseq_aio.places")
        self._line = carrier if hasattr(carrier, "console") else None
        if self._wants_console:
            self._listen()
        from .entropy import Source

        self.source = Source(self.folder)
        unload("mpseq_board.gathering")
        self.learn(self.store)
        if not self.identity:
            self.log("stopped: no identity. Cure: mpseq deploy, or type /identity")
            while not self.identity:
                await asyncio.sleep(0.2)
        if config["wifi"]:
            from .wifi import Wifi

            wifi = Wifi(config["wifi"], self.log)
            self._start(wifi.keep)
            await wifi.up()
        if config["carrier"].split(":")[0] in ("tls", "mqtts"):
            from .rtc import wind

            # Nobody is asked who may keep us waiting longer than the watchdog does.
            wind(self.folder, not 0 < config["watchdog"] < 30)
            unload("mpseq_board.rtc")
        gc.collect()
        chat = Chat(self.identity, config["nick"], carrier, self.source.random)
        chat.labels = {}
        self.log("key %s" % self.identity.public.hex())
        self.company = company
        self.chat = chat
        self._start(self._join)
        for work in self._works:
            self._start(lambda work=work: work(self))
        gc.collect()
        while True:
            event = await chat.next_event()
            if event is None:
                return
            await self._tell(event)

    def _listen(self):
        if self._line:
            self._line.console(self._typed)
            self._start(self._line.next_command)
            return
        if not self._port and sys.implementation.name == "micropython":
            from mpseq_aio.ports import StdioPort

            self._port = StdioPort()  # not opened: Ctrl-C stays what it is
        if self._port:
            self._start(self._read)

    async def _read(self):
        data = True
        while data:
            data = await self._port.read()
            self._typed(data)
        await asyncio.Event().wait()  # it has ended

    def _typed(self, data):
        if not self._console and data != b"\0":
            from .console import Console

            self._console = Console(self)
        if self._console:
            self._console.take(data)

    def _start(self, work):
        self._tasks.append(asyncio.create_task(self._for_ever(work)))

    async def _for_ever(self, work):
        pause = 1
        while True:
            try:
                await work()
                pause = 1
            except Exception as error:
                self.fault(error)
                pause = min(2 * pause, 32)
            await asyncio.sleep(pause)

    async def _end(self):
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        chat, self.chat = self.chat, None
        if chat:
            await chat.close()
        if self._line:
            self._line.release()

    async def _keep(self):
        while True:
            time = now()
            chat = self.chat
            due = chat.conversation.next_tick() if chat else None
            # Fed while this loop turns, and somebody looks at the core's clock.
            if due is None or time - due < _OVERDUE:
                self._feed()
            if chat:
                try:
                    await self.company.look(chat, time)
                except Exception as error:  # no reason to feed later
                    self.fault(error)
            await asyncio.sleep(1)

    def _feed(self):
        if self._dog:
            self._dog.feed()

    async def _join(self):
        if not self.members and not self.away:
            try:
                await self.chat.join(self.company.welcome)
            except errors.LocalError:  # in meanwhile
                pass

    # --- what happens

    async def _tell(self, event):
        name = type(event).__name__
        try:
            self._note(name, event)
            self.company.note(name, event)
        except Exception as error:
            self.fault(error)
        await self._call(self._on_event, event)
        if name in self._on and not event.own:
            await self._call(self._on[name], event)

    async def _call(self, function, event):
        if function:
            try:
                made = function(self, event)
                if hasattr(made, "send"):
                    await made
            except Exception as error:
                self.fault(error)

    def _note(self, name, event):
        if name in self._on:
            self.counts[1] += not event.own
            what = event[3] if name == "Text" else "[%s, %d bytes]" % (event[3], len(event[4]))
            self.log("#%d <%s> %s" % (event.number, event.nick, what))
        elif name == "Connected":
            self.log("connected as %s, others here: %d" % (event.label, len(event.labels) - 1))
        elif name == "Disconnected":
            self.log("disconnected: %s" % event.reason)
        elif name == "Left":
            self.log("removed by the others" if event.removed else "left")
        elif name == "Fault":
            self.fault(event.error)
        elif name in ("Missing", "Inconsistent", "Convicted", "Expelled", "Undelivered"):
            self.log("WARNING: %s: %s" % (name, event.nick))
        elif name == "Replaced":
            self.log("WARNING: another device with the key of this board has taken its place")
        elif name == "SessionStarted":
            self._started(event)

    def _started(self, event):
        if event.joined or event.left:
            nicks = ", ".join([one.nick for one in event.members])
            code = "; code %s, %s" % (event.code[0], " ".join(event.code[1])) if event.code else ""
            self.log("joined %s: %s%s" % (self.chat.name, nicks, code))
        else:
            self.counts[2] += 1
        known = [one[:2] for one in self.known]
        for nick, key, _ in event.members:
            if key != self.identity.public and (nick, key) not in known:
                try:
                    store = self.store
                    try:
                        state = store.know(nick, key)
                        other = store.nick_of(key)
                    finally:
                        self.learn(store)
                except Exception as error:  # 64 are known, the disk is full, …
                    self.fault(error)
                    continue
                if state == "changed":
                    self.log(
                        "WARNING: %s has another key than before! Somebody may be pretending."
                        " Compare the code by voice, then /verify %s DIGITS" % (nick, nick)
                    )
                    asyncio.create_task(self._call(self._on_event, KeyChanged(nick, key)))
                elif state == "renamed":
                    self.log("by another nick now, %s: whom you know as %s" % (nick, other))
        gc.collect()


def unload(path):
    """Gives back the memory of a module that is needed seldom."""
    if hasattr(gc, "mem_free"):
        package, name = path.split(".")
        sys.modules.pop(path, None)
        if hasattr(sys.modules[package], name):
            delattr(sys.modules[package], name)


def run(folder=FOLDER, **options):
    """Runs a Node until Ctrl-C is typed; options as of Node."""
    node = Node(folder, **options)
    try:
        asyncio.run(node.main())
    except KeyboardInterrupt:
        print("mpseq: ended by Ctrl-C")
        if node._line:
            node._line.release()
        if node._dog:
            from .rare import tame

            tame(node._dog)
