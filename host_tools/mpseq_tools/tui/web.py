"""`mpseq chat --web`: the screen in a browser of this machine, through textual-serve.

Loopback only. Whoever has the token of the address may look, nobody else: neither other users of
this machine nor pages of other sites, which could reach a port here by DNS rebinding (hence the
check of Host) or as a WebSocket (of Origin). One window at a time: two would be two devices of
one identity in one room. A page that is loaded again finds the same conversation.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import os
import pathlib
import re
import sys
import tempfile
import webbrowser

import textual_serve
from aiohttp import WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from . import served
from .signals import when_told_to_end
from .talk import ChatFault

GRACE = 30  # seconds without a window until the chat says good-bye
_END = 10  # seconds that saying good-bye may take
# aiohttp would print each request that it cannot read, and any program or page here can make some.
_QUIET = logging.getLogger("mpseq.web")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
_STATIC = pathlib.Path(textual_serve.__file__).parent / "static"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address holds the token
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; font-src 'self'; connect-src ws://{host}; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>mpseq chat</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static/css/xterm.css">
<style>
@font-face {{ font-family: "Roboto Mono";
  src: url("static/fonts/RobotoMono-VariableFont_wght.ttf"); }}
html, body {{ margin: 0; height: 100%; background: #121212; overflow: hidden; }}
.textual-terminal {{ width: 100vw; height: 100vh; }}
#ended {{ display: none; position: absolute; inset: 0; z-index: 10; background: #121212e0;
  color: #eee; font: 18px monospace; align-items: center; justify-content: center;
  text-align: center; }}
body.-closed #ended {{ display: flex; }}
a {{ color: #8cf; }}
</style>
<script src="static/js/textual.js" defer></script>
<script src="page.js" defer></script>
</head>
<body>
<div id="ended"><p>This chat has ended, or its connection to this page.<br><br>
<a href="./">Load it again</a>, or start <code>mpseq chat --web</code> once more.</p></div>
<div id="terminal" class="textual-terminal" data-session-websocket-url="{socket}"
 data-font-size="{size}"></div>
</body>
</html>
"""
# Keys go to the terminal without a click before; textual.js sends the focus at once, and so must
# have its connection.
_SCRIPT = """\
function focusTerminal() {
  const entry = document.querySelector(".xterm-helper-textarea");
  if (entry && document.body.classList.contains("-loaded")) entry.focus();
  else setTimeout(focusTerminal, 50);
}
window.addEventListener("load", focusTerminal);
window.addEventListener("focus", focusTerminal);
"""
# What a terminal is told when the application begins (textual.drivers.web_driver), for one that
# comes later; and for a window that has to wait.
_BEGIN = (
    b"\x1b[?1049h\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h\x1b[?25l\x1b[?2004h\x1b[2J"
)
_ELSEWHERE = (
    b"\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[2J\x1b[H\x1b[0m\r\n"
    b"  This chat is open in another window, and only one may have it: two would be\r\n"
    b"  two devices of one person.\r\n\r\n"
    b"  Enter: bring it here.\r\n"
)


class Service(AppService):
    """The application, as a process of its own."""

    def __init__(self, options: str, **more):
        super().__init__("", **more)
        self._options = options
        self.write = None  # where the screen's bytes go, while there is a window

    def _build_environment(self, width=80, height=24):
        environment = super()._build_environment(width, height)
        environment["TEXTUAL_DRIVER"] = "mpseq_tools.tui.served:Driver"
        # Of no other user's business: /proc shows an environment to its owner only.
        environment[served.OPTIONS] = self._options
        return environment

    async def _open_app_process(self, width=80, height=24):
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mpseq_tools.tui.served",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env=self._build_environment(width, height),
            start_new_session=True,  # Ctrl-C is for us, and we tell it to end
        )  # fmt: skip
        self._stdin = process.stdin
        return process

    @property
    def ended(self):
        """A task that is over when the process is."""
        return self._task

    async def exit_code(self) -> int:
        """Waits for the process."""
        return await self._process.wait()

    async def finish(self):
        """Has it say good-bye; ends it when that takes too long."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stop(), _END)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


class Chat:
    """The one session: a process, and the one window that has it."""

    def __init__(self, options: str, token: str, grace: float):
        self.options = options
        self.token = token
        self.grace = grace
        self.hosts = ()
        self.ended = asyncio.Event()  # somebody quit: the server ends, too
        self.code = 0
        self.service = None
        self.window = None
        self._waiting = None  # until nobody comes back
        self._windows = set()
        self._tasks = set()
        self._beginning = asyncio.Lock()

    # --- who may

    @web.middleware
    async def guard(self, request, handler):
        """403 for whoever does not have the token, whatever the path."""
        given = request.path.partition("/")[2].partition("/")[0]
        if request.host not in self.hosts or not hmac.compare_digest(
            given.encode(errors="replace"), self.token.encode()
        ):
            raise web.HTTPForbidden(text="403: not without the address that was printed\n")
        if request.path.endswith("/ws") and request.headers.get("Origin") not in [
            f"http://{host}" for host in self.hosts
        ]:
            raise web.HTTPForbidden(text="403: not from another page\n")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    async def page(self, request):
        """The terminal."""
        size = request.query.get("fontsize", "16")
        text = _PAGE.format(
            socket=f"ws://{request.host}/{self.token}/ws",
            size=int(size) if re.fullmatch("[0-9]{1,2}", size) and 4 <= int(size) <= 72 else 16,
        )
        policy = _POLICY.format(host=request.host)
        return web.Response(
            text=text, content_type="text/html", headers={"Content-Security-Policy": policy}
        )

    async def script(self, request):
        """The page's own few lines."""
        return web.Response(text=_SCRIPT, content_type="text/javascript")

    # --- the window

    async def socket(self, request):
        """A window comes; the first has the session."""
        window = web.WebSocketResponse(heartbeat=15)
        await window.prepare(request)
        self._windows.add(window)
        size = [_number(request.query.get("width"), 80), _number(request.query.get("height"), 24)]
        try:
            await self._has_gone()
            if self.window is None:
                await self._take(window, size)
            else:
                await window.send_bytes(_ELSEWHERE)
            async for message in window:
                if message.type == WSMsgType.TEXT:
                    await self._hear(window, json.loads(message.data), size)
        except (ValueError, LookupError, TypeError, ConnectionError):
            pass  # not what our page says, or it is gone
        finally:
            self._windows.discard(window)
            if window is self.window:
                self.window = None
                self._wait()
            with contextlib.suppress(Exception):
                await window.close()
        return window

    async def _has_gone(self):
        """A page that is loaded again may come before the old one has gone."""
        for _ in range(10):
            if self.window is None:
                return
            await asyncio.sleep(0.1)

    async def _take(self, window, size):
        """This window has the session from now on; begins it if there is none."""
        before, self.window = self.window, window
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
        if before is not None:
            with contextlib.suppress(ConnectionError):
                await before.send_bytes(_ELSEWHERE)
        async with self._beginning:
            if self.service is None:
                await self._begin(*size)
            else:
                await window.send_bytes(_BEGIN)
                await self.service.set_terminal_size(*size)
                await self.service.send_meta({"type": "repaint"})

    async def _begin(self, width, height):
        async def write(data):
            window = self.window
            if window is not None:
                with contextlib.suppress(ConnectionError):
                    await window.send_bytes(data)

        async def write_str(text):
            pass  # links and downloads: there are none

        async def close():
            pass  # its end is heard of otherwise

        self.service = Service(
            self.options, write_bytes=write, write_str=write_str, close=close,
            download_manager=DownloadManager(),
        )  # fmt: skip
        await self.service.start(width, height)
        self._start(self._attend(self.service))

    async def _attend(self, service):
        await asyncio.wait([service.ended])
        if service is self.service:
            self.code = await service.exit_code()
            self.ended.set()

    async def _hear(self, window, envelope, size):
        kind, *data = envelope
        if window is not self.window:
            if kind == "stdin" and "\r" in data[0]:
                await self._take(window, size)
            elif kind == "resize":
                size[:] = data[0]["width"], data[0]["height"]
            elif kind == "ping":
                await window.send_json(["pong", data[0]])
        elif kind == "stdin":
            await self.service.send_bytes(data[0].encode("utf-8"))
        elif kind == "resize":
            size[:] = data[0]["width"], data[0]["height"]
            await self.service.set_terminal_size(*size)
        elif kind == "ping":
            await window.send_json(["pong", data[0]])
        elif kind == "focus":
            await self.service.focus()
        elif kind == "blur":
            await self.service.blur()

    def _wait(self):
        """For a window to come back; then the session ends, and the next window begins anew."""

        async def wait():
            await asyncio.sleep(self.grace)
            self._waiting = None  # too late to come back: whoever comes now begins anew
            service = self.service
            async with self._beginning:
                if service:
                    self.service = None
                    await service.finish()

        if self.service and not self.service.ended.done():
            self._waiting = self._start(wait())

    def _start(self, work):
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self):
        """Ends the session and all windows."""
        if self._waiting:
            self._waiting.cancel()
        async with self._beginning:
            if self.service:
                await self.service.finish()
        for window in list(self._windows):
            with contextlib.suppress(Exception):
                await window.close()


def _number(text, default):
    return int(text) if text and re.fullmatch("[1-9][0-9]{0,2}", text) else default


async def serve(options, places, port=0, open_browser=False, say=print) -> int:
    """The command; returns the exit code. Ends with Ctrl-C, SIGTERM, or the chat itself. Fault."""
    token = os.urandom(16).hex()
    chat = Chat(served.dump(options, places), token, GRACE)
    app = web.Application(middlewares=[chat.guard])
    app.add_routes(
        [
            web.get(f"/{token}/", chat.page),
            web.get(f"/{token}/page.js", chat.script),
            web.get(f"/{token}/ws", chat.socket),
            web.static(f"/{token}/static", _STATIC),
        ]
    )
    runner = web.AppRunner(app, access_log=None, logger=_QUIET, shutdown_timeout=1)
    await runner.setup()
    with contextlib.ExitStack() as stack:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            port = runner.addresses[0][1]
            chat.hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
            url = f"http://127.0.0.1:{port}/{token}/"
            say(f"mpseq chat at {url}")
            say("Whoever has this address has your conversation: do not pass it on. Ctrl-C ends.")
            if open_browser:
                await asyncio.to_thread(webbrowser.open, stack.enter_context(_redirect(url)))
            when_told_to_end(chat.ended.set)
            await chat.ended.wait()
        except OSError as error:
            fault = ChatFault(f"port {port}: {error.strerror}", "--port 0 takes a free one", 3)
            print(f"mpseq: {fault}.\nCure: {fault.cure}.", file=sys.stderr)
            return fault.code
        finally:
            await chat.close()
            await runner.cleanup()
    return chat.code


@contextlib.contextmanager
def _redirect(url):
    """The address of a file that leads to `url`: on a browser's command line everyone on this
    machine could read the token."""
    with tempfile.TemporaryDirectory(prefix="mpseq-") as folder:
        path = pathlib.Path(folder) / "chat.html"
        path.touch(0o600)
        path.write_text(
            f'<meta charset="utf-8"><meta http-equiv="refresh" content="0; url={url}">\n'
            f'<a href="{url}">mpseq chat</a>\n'
        )
        yield path.as_uri()
