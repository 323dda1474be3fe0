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

from . import config as settings

# For `on_event`: somebody is here under a known nick, or a nick of the settings, with another key.
KeyChanged = namedtuple("KeyChanged", ("nick", "key"))

_AGAIN = 20000  # ms until people who did not come are invited again; then doubling
_SELDOM = 320000
_READY = 60000  # ms in which one who has answered is not invited again
_LISTEN = 20000  # ms in which a host waits for an invitation while somebody else is here
_ALONE = 300000  # ms that a host is alone in a conversation, in a room that is not empty
_OVERDUE = 30000  # ms


class Node:
    """`folder`: where settings and keys are. `on_text`, `on_data`, `on_event`: plain or async
    functions of (node, event); of texts and data those of others, of events (see mpseq.events,
    mpseq_aio.inbox, and KeyChanged) all. Events wait while an async one runs. `console`: whether
    people may type commands. `passphrase` opens the key store, `port` takes the place of the
    REPL's line."""

    def __init__(
        self,
        folder=settings.FOLDER,
        on_text=None,
        on_data=None,
        on_event=None,
        console=True,
        passphrase=b"",
        port=None,
    ):
        self.folder = folder
        self.config = self.store = self.source = self.chat = None
        self.counts = [0, 0, 0]  # messages sent, received; re-keys
        self.away = False  # left by a person's word: no invitation is taken
        self.people = []  # (nick, key) of the settings
        self._on = {"Text": on_text, "Data": on_data}
        self._on_event = on_event
        self._passphrase = passphrase
        self._port = port
        self._wants_console = console
        self._console = None
        self._line = None  # a SerialRoom
        self._tasks = []
        self._dog = None
        self._in = False
        self._beat = now()
        self._forget()

    def _forget(self):
        self._here = []  # labels of others in the room
        self._came = False  # somebody has entered
        self._out_since = self._alone_since = now()
        self._invite_at = None
        self._pause = _AGAIN
        self._answered = {}  # key -> when
        self._left = []  # keys of those who said good-bye

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
        return self.store is not None and self.store.is_verified(key)

    async def send(self, text):
        """Sends a text; mpseq.errors.LocalError outside of a conversation."""
        self._need_chat()
        await self.chat.send(text)
        self.counts[0] += 1

    async def send_data(self, content_type, data):
        """Sends bytes with a content type, like "text/csv"; LocalError as `send`."""
        self._need_chat()
        await self.chat.send_data(content_type, data)
        self.counts[0] += 1

    def invite(self, nick, key):
        """Adds somebody to the people of the settings, and invites."""
        config = dict(self.config)
        config["people"] = [one for one in config["people"] if one[0] != nick]
        config["people"].append([nick, key.hex()])
        settings.save(self.folder, config)
        self.config = config
        self.people = settings.people(config)
        self._invite_at = now()

    async def leave(self):
        """Leaves the conversation, and stays out until `away` is set to False."""
        self.away = True
        if self.members:
            await self.chat.leave()

    def panic(self):
        """Wipes the identity, the keys of all people and the settings from memory and flash, and
        resets the board. The others see a member that falls silent."""
        try:
            session = self.chat and self.chat.conversation.session
            if session:
                session.wipe()
                if session.keys:
                    session.keys.wipe()
            self.store.wipe()
        finally:
            try:
                from machine import reset
            except ImportError:
                raise SystemExit from None
            reset()

    def release(self):
        """Gives the REPL its line back. A watchdog that runs is fed from now on by a timer, until
        the next soft reset."""
        if self._line:
            self._line.release()
        if self._dog:
            from machine import Timer

            self._timer = Timer(-1)
            self._timer.init(period=1000, callback=lambda timer: self._dog.feed())

    def log(self, text):
        """Prints a line, between frames if need be."""
        from mpseq_aio.plain import clean

        text = "mpseq: " + clean(text)
        if self._line:
            self._line.log(text)
        else:
            print(text)

    def echo(self, data):
        """Writes bytes of a line that is being typed."""
        if self._line:
            self._line.echo(data)
        elif self._port:
            self._port.write(data)

    def fault(self, error):
        """What went wrong is shown, and forgotten."""
        if isinstance(error, MemoryError):
            gc.collect()
        self.log("fault: %s: %s" % (type(error).__name__, error))

    # --- the work

    async def main(self):
        """Works until it is cancelled."""
        watching = [asyncio.create_task(self._for_ever(self._keep))]
        pause = 2
        try:
            while True:
                try:
                    await self._live(watching)
                except Exception as error:
                    self._stopped(error)
                await self._end()
                await asyncio.sleep(pause)
                pause = min(2 * pause, 60)
        finally:
            for task in watching:
                task.cancel()

    def _stopped(self, error):
        if type(error).__name__ in ("ConfigError", "KeyStoreError", "StoreError"):
            self.log("stopped: %s" % error)
        else:
            self.log("stopped: %s: %s. Trying again" % (type(error).__name__, error))
        gc.collect()

    async def _live(self, watching):
        from mpseq_aio.address import room_at

        self.config = config = settings.load(self.folder)
        self.people = settings.people(config)
        if config["watchdog"] and len(watching) == 1:
            watching.append(asyncio.create_task(self._for_ever(self._feed)))
        carrier = room_at(config["carrier"])
        self._line = carrier if hasattr(carrier, "next_command") else None
        self._listen()
        from .entropy import Source
        from .keystore import KeyStore

        self.source = Source(self.folder)
        self.store = store = KeyStore(self.folder, self.source, self._passphrase)
        if not store.identity:
            self.log("stopped: no identity. Cure: mpseq deploy, or type /identity")
            while not store.identity:
                await asyncio.sleep(0.2)
        for nick, key in self.people:
            self._know(nick, key)
        self._forget()
        wifi = config["wifi"]
        if wifi:
            from .wifi import Wifi

            wifi = Wifi(wifi["ssid"], wifi["password"], self.log)
            self._start(wifi.keep)
            await wifi.up()
        self.chat = chat = Chat(store.identity, config["nick"], carrier, self.source.random)
        chat.labels = {}
        self.log("key %s" % store.identity.public.hex())
        self._start(self._join)
        gc.collect()
        while True:
            event = await chat.next_event()
            if event is None:
                return
            await self._tell(event)

    def _listen(self):
        if self._console or not self._wants_console:
            return
        from .console import Console

        self._console = console = Console(self)
        if self._line:
            self._line.console(console.take)
            self._start(self._line.next_command)
        else:
            if not self._port and sys.implementation.name == "micropython":
                from mpseq_aio.ports import StdioPort

                self._port = StdioPort()  # not opened: Ctrl-C stays what it is
            if self._port:
                self._start(lambda: console.read(self._port))
        self._start(console.work)

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
        self._console = None
        chat, self.chat = self.chat, None
        if chat:
            await chat.close()
        self.release()

    async def _feed(self):
        """Feeds the watchdog while the loop turns and the core's clock is looked at."""
        import machine

        seconds = self.config["watchdog"]
        try:
            dog = machine.WDT(timeout=seconds * 1000)
        except ValueError:  # RP2: 8.3 s at most
            dog = machine.WDT(timeout=8000)
            seconds = 8
        self._dog = dog
        while True:
            time = now()
            due = self.chat.conversation.next_tick() if self.chat else None
            if time - self._beat < _OVERDUE and (due is None or time - due < _OVERDUE):
                dog.feed()
            await asyncio.sleep(min(seconds / 4, 1))

    # --- what happens

    async def _tell(self, event):
        name = type(event).__name__
        try:
            if name in ("Text", "Data"):
                if not event.own:
                    self.counts[1] += 1
            else:
                known = getattr(self, "_on_" + name.lower(), None)
                if known:
                    known(event)
            if self._console:
                self._console.show(event)
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

    def _on_connected(self, event):
        self._here = list(event.labels[1:])
        self.log("connected as %s, others here: %d" % (event.label, len(self._here)))
        self._out_since = now()
        if not self.members:
            self._found(self._out_since)
        self._nudge()

    def _on_disconnected(self, event):
        self.log("disconnected: %s" % event.reason)

    def _on_entered(self, event):
        self._here.append(event.label)
        self._came = True
        self._left = []
        self._nudge()

    def _on_gone(self, event):
        if event.label in self._here:
            self._here.remove(event.label)
        self._nudge()

    def _on_guestready(self, event):
        self._answered[event.key] = now()

    def _on_leaveseen(self, event):
        self._left.append(event.key)

    def _on_left(self, event):
        self.log("removed by the others" if event.removed else "left")
        self._out_since = now()
        self._in = False

    def _on_fault(self, event):
        self.fault(event.error)

    def _on_replaced(self, event):
        self.log("!!! WARNING: another device with the key of this board has taken its place")

    def _on_sessionstarted(self, event):
        if event.joined or event.left or not self._in:
            self._in = True
            nicks = ", ".join([one.nick for one in event.members])
            code = event.code
            code = "; code %s, %s" % (code.digits, " ".join(code.words)) if code else ""
            self.log("joined %s: %s%s" % (self.chat.name, nicks, code))
        else:
            self.counts[2] += 1
        if len(event.members) == 1:
            self._alone_since = now()
        self._answered = {}
        own = self.store.identity.public
        for one in event.members:
            if one.key != own:
                self._know(one.nick, one.key)
        gc.collect()

    def _know(self, nick, key):
        if self.store.know(nick, key) == "changed":
            self.log(
                "!!! WARNING: %s has another key than before. Somebody may be pretending to be"
                " %s. Compare the code by voice; then type /verify %s DIGITS" % (nick, nick, nick)
            )
            asyncio.create_task(self._call(self._on_event, KeyChanged(nick, key)))

    # --- getting in, and letting in

    async def _join(self):
        chat = self.chat
        if not chat.members and not self.away:
            try:
                await chat.join(self._welcome)
            except errors.LocalError:  # in meanwhile
                pass

    def _welcome(self, invitation):
        key = invitation.inviter
        if not self.away and key != self.store.identity.public:
            for one in self.people + self.store.people():
                if one[1] == key:
                    self._out_since = now()
                    return True
            self.log("%s invites, who is not among my people" % invitation.inviter_nick)
        return False

    async def _keep(self):
        while True:
            self._beat = time = now()
            chat = self.chat
            if chat and chat.connected and not chat.conversation.exchange_running:
                members = chat.members
                if not members:
                    self._found(time)
                elif len(members) == 1:
                    await self._alone(time)
                if members and self._invite_at is not None and time >= self._invite_at:
                    self._invite(members, time)
            await asyncio.sleep(1)

    def _found(self, time):
        """A host founds the conversation, unless somebody is here who may invite it."""
        if self.config["host"] and not self.away:
            if not self._here or time - self._out_since >= _LISTEN:
                self.chat.create(self.config["name"])
                self._invite_at = time

    async def _alone(self, time):
        """Nobody else is in, but somebody in the room: there may be another conversation."""
        patience = _ALONE if self.config["host"] else _AGAIN
        if self._here and time - self._alone_since >= patience:
            await self.chat.leave(1)

    def _nudge(self):
        """Somebody came or went: soon it is time to invite; the host first, then one by one."""
        self._pause = _AGAIN
        wait = 1500
        if self.config and not self.config["host"]:
            wait = 5000
            own = self.store.identity.public
            for one in self.members:
                if one.key == own:
                    wait += 1000 * one.index
        self._invite_at = now() + wait

    def _invite(self, members, time):
        """Invites who is absent, and whose old session sits here without its owner."""
        chat = self.chat
        keys = [one.key for one in members]
        sure = self._pause == _AGAIN
        wanted = []
        known = [chat.labels.get(key) for key in keys]
        if not [label for label in self._here if label not in known]:
            self._invite_at = None  # everyone in the room is in the conversation
            return
        for nick, key in self.people:
            if key in self._left or time - self._answered.get(key, -_READY) < _READY:
                continue
            if key in keys:
                # A ghost: the label is gone. Or it was never heard, and may be one: later.
                label = chat.labels.get(key)
                if label in self._here or (label is None and (sure or not self._came)):
                    continue
            wanted.append((nick, key))
        self._invite_at = time + self._pause
        if wanted:
            self._pause = min(2 * self._pause, _SELDOM)
            try:
                chat.invite(wanted, True)
            except errors.LocalError:
                self._one_by_one(wanted)

    def _one_by_one(self, wanted):
        for one in wanted:
            try:
                self.chat.invite([one], True)
            except errors.LocalError as error:
                self.log("%s is not invited: %s" % (one[0], error))

    def _need_chat(self):
        if not self.chat:
            raise errors.LocalError("not in a conversation")


def run(folder=settings.FOLDER, **options):
    """Runs a Node until Ctrl-C is typed; options as of Node."""
    node = Node(folder, **options)
    try:
        asyncio.run(node.main())
    except KeyboardInterrupt:
        print("mpseq: ended by Ctrl-C")
    finally:
        node.release()
