"""`mpseq chat --web`: the screen in a browser, and nobody else's page or user at it."""

import asyncio
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sys

import aiohttp
import pytest
from playwright.async_api import async_playwright
from servers import free_port

from mpseq import Identity
from mpseq_aio.chat import Chat
from mpseq_tools import rooms
from mpseq_tools.relay import Relay
from mpseq_tools.tui import served
from mpseq_tools.tui import web as server
from mpseq_tools.tui.talk import Options

SCREENS = pathlib.Path(__file__).resolve().parent.parent / "build" / "screens"


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail("no chromium on PATH. Cure: make deps", pytrace=False)


class Web:
    """A running `mpseq chat --web` of ana, and ben, who is in the same room."""

    def __init__(self, home):
        self.home = home
        self.children = set()

    async def __aenter__(self):
        self.relay = Relay(port=0)
        await self.relay.start()
        address = f"tcp://127.0.0.1:{self.relay.port}/garden"
        self.server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mpseq_tools", "chat", "--nick", "ana", "--web", "--no-probe",
            "--carrier", address, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "MPSEQ_HOME": str(self.home), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        line = (await asyncio.wait_for(self.server.stdout.readline(), 60)).decode()
        self.url = re.search(r"http://127\.0\.0\.1:\d+/[0-9a-f]{32}/", line)[0]
        self.base, self.token = self.url.rstrip("/").rsplit("/", 1)
        self.ben = Chat(Identity.generate(os.urandom), "ben", address)
        await self.ben.open()
        return self

    async def __aexit__(self, *_):
        await self.ben.close()
        if self.server.returncode is None:
            self.server.kill()
        await self.server.wait()
        await self.relay.stop()

    def processes(self):
        """Process ids of the screen, by what /proc shows."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                told = (folder / "environ").read_bytes()
                if b"mpseq_tools.tui.served" in (folder / "cmdline").read_bytes():
                    if f"MPSEQ_HOME={self.home}".encode() in told:
                        found.append(int(folder.name))
        return found

    async def next(self, kind, seconds=60):
        """Ben's next event of a kind."""

        async def wait():
            async for event in self.ben.events():
                if type(event).__name__ == kind:
                    return event

        return await asyncio.wait_for(wait(), seconds)

    async def until(self, true, seconds=60):
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.05)

    def socket(self, session, **headers):
        headers.setdefault("Origin", self.base)
        return session.ws_connect(self.url + "ws?width=80&height=24", headers=headers)


def run(story, tmp_path, seconds=120):
    async def main():
        async with Web(tmp_path / "home") as web:
            await story(web)

    asyncio.run(asyncio.wait_for(main(), seconds))


def plain(text):
    """Without what commands a terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


async def type_line(window, text):
    await window.send_json(["stdin", text + "\r"])


class Window:
    """A window without a browser: the text of its terminal's bytes."""

    def __init__(self, socket):
        self.socket = socket
        self.said = ""
        self.task = asyncio.ensure_future(self._read())

    async def _read(self):
        async for message in self.socket:
            if message.type == aiohttp.WSMsgType.BINARY:
                self.said += plain(message.data.decode(errors="replace"))

    async def shows(self, text, seconds=60):
        async with asyncio.timeout(seconds):
            while text not in self.said:
                await asyncio.sleep(0.05)


def test_a_conversation_in_chromium_with_a_screenshot(tmp_path):
    async def story(web):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium(),
                args=["--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader",
                      "--enable-unsafe-swiftshader"],
            )  # fmt: skip
            page = await browser.new_page(viewport={"width": 900, "height": 560})
            seen = []  # what the page's terminal is told
            asked = []
            page.on(
                "websocket",
                lambda one: one.on(
                    "framereceived",
                    lambda data: seen.append(
                        data if isinstance(data, str) else data.decode(errors="replace")
                    ),
                ),
            )
            page.on("request", lambda request: asked.append(request.url))
            wrong = []
            page.on("pageerror", lambda error: wrong.append(str(error)))

            def shown():
                return plain("".join(seen))

            async def listens():
                # Not wait_for_function: what it runs later is forbidden by the page's own policy.
                await page.locator(".xterm-helper-textarea:focus").wait_for(state="attached")

            await page.goto(web.url)
            await listens()
            await web.until(lambda: "your key: " in shown())
            await web.next("Connected")
            # Ben founds the room; ana is invited, and accepts with a key.
            key = await _key_of(web)
            web.ben.create("The garden")
            web.ben.invite([("ana", key)])
            await web.until(lambda: "Accept F2" in shown())
            await page.keyboard.press("F2")
            started = await web.next("SessionStarted")
            while len(started.members) < 2:
                started = await web.next("SessionStarted")
            await page.keyboard.type("Hello from a browser")
            await page.keyboard.press("Enter")
            heard = await web.next("Text")
            assert (heard.nick, heard.text) == ("ana", "Hello from a browser")
            await web.ben.send("and hello from ben")
            await web.until(lambda: "and hello from ben" in shown())
            await web.until(lambda: started.code.digits[:3] in shown())
            await asyncio.sleep(1)
            SCREENS.mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=SCREENS / "chat-web.png")
            assert not wrong
            assert all(url.startswith((web.url, "data:")) for url in asked), asked
            # Loaded again: the same conversation, and what was said is there.
            seen.clear()
            await page.reload()
            await web.until(lambda: "and hello from ben" in shown())
            await listens()
            await page.keyboard.type("still here")
            await page.keyboard.press("Enter")
            while heard.text != "still here":
                heard = await web.next("Text")
            # The window is closed for good; somebody ends the server.
            await browser.close()
        assert len(web.processes()) == 1
        web.server.send_signal(signal.SIGINT)
        left = await web.next("LeaveSeen")
        assert left.nick == "ana"
        assert await asyncio.wait_for(web.server.wait(), 60) == 0
        assert web.processes() == []

    run(story, tmp_path)


async def _key_of(web):
    from mpseq_tools import keys

    path = web.home / "default.key"
    await web.until(path.exists)
    return keys.Identity(bytes.fromhex(path.read_text().split()[1])).public


def test_nobody_comes_in_without_the_token_or_from_another_site(tmp_path):
    async def story(web):
        port = web.base.rsplit(":", 1)[1]
        other = "0" * 32
        async with aiohttp.ClientSession() as session:
            for path in (
                "/", "/ws", "/static/js/textual.js", f"/{other}/", f"/{other}/ws",
                f"/{other}/static/js/textual.js", f"/{web.token[:-1]}/", f"/{web.token}0/",
                f"/x/{web.token}/", f"/?token={web.token}", "/%ff/",
            ):  # fmt: skip
                async with session.get(web.base + path) as answer:
                    assert answer.status == 403, path
                    assert web.token not in await answer.text()
            async with session.get(web.url, headers={"Host": f"evil.example:{port}"}) as answer:
                assert answer.status == 403  # a name that now leads to this machine
            for origin in ("http://evil.example", f"http://127.0.0.1:{int(port) + 1}", "null"):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    async with web.socket(session, Origin=origin):
                        pass
                assert refused.value.status == 403
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with session.ws_connect(web.url + "ws"):  # no Origin at all
                    pass
            assert refused.value.status == 403
            assert web.processes() == []
            async with session.get(web.url) as answer:
                assert answer.status == 200
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            async with session.get(web.url + "static/js/textual.js") as answer:
                assert answer.status == 200
            with pytest.raises(aiohttp.ClientConnectorError):  # on loopback only
                await session.get(f"http://127.0.0.2:{port}/{web.token}/")
        for process in (web.server.pid, os.getpid()):
            shown = pathlib.Path(f"/proc/{process}/cmdline").read_text()
            assert web.token not in shown
        # What any program here can send is worth no line on the terminal.
        for first in ("OPTIONS *", "GET /\x1b[2J", "\x16\x03\x01", "GET " + "/" * 9000):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
            writer.write(f"{first} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            assert (await asyncio.wait_for(reader.readline(), 60)).split()[1] in (b"400", b"403")
            writer.close()
        web.server.send_signal(signal.SIGINT)
        out, errors = await asyncio.wait_for(web.server.communicate(), 60)
        assert errors == b"" and b"Traceback" not in out

    run(story, tmp_path)


def test_a_second_window_is_told_and_can_take_over(tmp_path):
    async def story(web):
        async with aiohttp.ClientSession() as session:
            async with web.socket(session) as first, web.socket(session) as second:
                one, two = Window(first), Window(second)
                await one.shows("your key")
                await two.shows("open in another window")
                await type_line(second, "")  # Enter
                await one.shows("open in another window")
                await two.shows("your key")
                assert len(web.processes()) == 1
                shown = [
                    pathlib.Path(f"/proc/{one}/cmdline").read_text() for one in web.processes()
                ]
                assert web.token not in "".join(shown) and "garden" not in "".join(shown)
                await type_line(second, "/create here")
                await two.shows("session 1 of 'here'")
                # Quitting in the window ends the server, too.
                await type_line(second, "/quit")
                assert await asyncio.wait_for(web.server.wait(), 60) == 0
        assert web.processes() == []

    run(story, tmp_path)


def test_what_a_page_says_wrong_ends_that_window_alone(tmp_path):
    async def story(web):
        async with aiohttp.ClientSession() as session:
            async with web.socket(session) as window:
                one = Window(window)
                await one.shows("your key")
                for text in ("{", '["stdin"]', '["resize", 3]'):
                    async with web.socket(session) as bad:
                        await asyncio.wait_for(bad.receive(), 60)  # that it has to wait
                        await bad.send_str(text)
                        await asyncio.wait_for(_closed(bad), 60)
                await window.send_str(json.dumps(["resize", {"width": 100, "height": 30}]))
                await type_line(window, "/create here")
                await one.shows("session 1 of 'here'")

    run(story, tmp_path)


async def _closed(window):
    async for _ in window:
        pass


def test_a_server_that_is_killed_leaves_no_process_behind(tmp_path):
    async def story(web):
        async with aiohttp.ClientSession() as session:
            async with web.socket(session) as window:
                one = Window(window)
                await one.shows("your key")
                assert len(web.processes()) == 1
                web.server.kill()
                await web.until(lambda: not web.processes())

    run(story, tmp_path)


@contextlib.asynccontextmanager
async def served_here(tmp_path, monkeypatch, port):
    """The server in this process; `.url` and the like as of a Web without a relay."""
    monkeypatch.setenv("MPSEQ_HOME", str(tmp_path / "home"))
    said = []
    place = rooms.at(f"tcp://127.0.0.1:{port}/garden")
    web = Web(tmp_path / "home")
    options = Options("ana", probe=False)
    task = asyncio.ensure_future(server.serve(options, [place], say=said.append))
    await web.until(lambda: said or task.done())
    web.url = said[0].split()[-1]
    web.base = web.url.rstrip("/").rsplit("/", 1)[0]
    try:
        yield web
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert web.processes() == []


def test_without_a_window_the_chat_says_good_bye_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "GRACE", 0.5)

    async def story():
        relay = Relay(port=0)
        await relay.start()
        async with served_here(tmp_path, monkeypatch, relay.port) as web:
            async with aiohttp.ClientSession() as session:
                for _ in range(2):  # the second time it begins anew
                    async with web.socket(session) as window:
                        one = Window(window)
                        await one.shows("no conversation yet")
                        await one.shows("your key")
                        await type_line(window, "/create here")
                        await one.shows("session 1 of 'here'")
                    await web.until(lambda: not web.processes())
        await relay.stop()

    asyncio.run(asyncio.wait_for(story(), 180))


def test_a_fault_is_shown_in_the_window_with_its_cure(tmp_path, monkeypatch):
    async def story():
        port = free_port()
        async with served_here(tmp_path, monkeypatch, port) as web:
            async with aiohttp.ClientSession() as session:
                async with web.socket(session) as window:
                    one = Window(window)
                    await one.shows(f"no relay at 127.0.0.1 port {port}")
                    await one.shows("Cure: start one with `mpseq relay`")
                    relay = Relay(port=port)
                    await relay.start()
                    await window.send_json(["stdin", "r"])
                    await one.shows("your key")
        await relay.stop()

    asyncio.run(asyncio.wait_for(story(), 180))


def test_a_port_that_is_taken_is_a_fault(tmp_path, monkeypatch, capsys):
    async def story():
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        assert await server.serve(Options("ana"), [], port) == 3
        taken.close()

    asyncio.run(asyncio.wait_for(story(), 180))
    assert "Cure: --port 0 takes a free one" in capsys.readouterr().err


def test_the_file_that_opens_the_browser_is_for_its_owner_alone():
    with server._redirect("http://127.0.0.1:1/abc/") as address:
        path = pathlib.Path(address.removeprefix("file://"))
        assert path.stat().st_mode & 0o077 == 0 and path.parent.stat().st_mode & 0o077 == 0
        assert "url=http://127.0.0.1:1/abc/" in path.read_text()
    assert not path.parent.exists()


def test_options_reach_the_process_whole():
    place = rooms.at("mqtt://me:word@127.0.0.1:1/garden")
    options = Options("ana", psk=bytes(range(32)), theme="light", history="/tmp/x")
    again, (there,) = served.load(served.dump(options, [place]))
    assert again == options and vars(there) == vars(place)
