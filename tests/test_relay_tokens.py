"""A relay's rooms behind tokens: on the way, in the file, in an address, and never in a log."""

import asyncio
import os
import time

import pytest
from relays import a_command, a_relay, answers, enter, hello, story, until

from mpseq_aio import link, tcp
from mpseq_aio.address import room_at
from mpseq_tools import probe, relay_tokens, rooms
from mpseq_tools.relay_tokens import TokenFault, Tokens

GARDEN = "garden-0123456789abcdef"
OTHERS = "others-0123456789abcdef"
WRONG = "wrong-0123456789abcdefgh"


def a_file(folder, text, mode=0o600):
    path = folder / "tokens"
    path.write_text(text)
    path.chmod(mode)
    return path


def tokens_of(**rooms):
    return Tokens({
        name.replace("any", "*"): [relay_tokens.digest(one) for one in some]
        for name, some in rooms.items()
    })


@story
async def test_a_token_opens_its_room_and_no_other():
    async with a_relay(tokens=tokens_of(garden=[GARDEN])) as relay:
        ana = await enter(relay, "ana", "garden", token=GARDEN)
        with pytest.raises(link.CarrierLost, match="this room wants a token. Cure: tcp://TOKEN@"):
            await enter(relay, "eve", "garden")
        with pytest.raises(link.CarrierLost, match="wrong token for this room"):
            await enter(relay, "eve", "garden", token=WRONG)
        await (await enter(relay, "eve", "kitchen")).close()  # a room that has none
        await (await enter(relay, "eve", "kitchen", token=WRONG)).close()
        assert list(relay.rooms["garden"]) == ["ana"]
        assert relay.counts.ended["token"] == 2
        await ana.close()


@story
async def test_a_relay_without_tokens_takes_no_notice_of_one():
    async with a_relay() as relay:
        await (await enter(relay, "ana", token=GARDEN)).close()
        twice = tcp.frame_message((link.TOKEN, GARDEN)) + hello(token=GARDEN)
        assert "first message must be HELLO" in (await answers(relay, twice))[-1][1]
        late = hello() + tcp.frame_message((link.TOKEN, GARDEN))
        assert "POST, PING or BYE" in (await answers(relay, late))[-1][1]


def test_which_room_wants_what():
    tokens = tokens_of(garden=[GARDEN, OTHERS], shed=[WRONG], any=[OTHERS])
    digest = relay_tokens.digest
    cases = [
        ("garden", GARDEN, True), ("garden", OTHERS, True), ("garden", WRONG, False),
        ("shed", OTHERS, False), ("shed", WRONG, True), ("kitchen", OTHERS, True),
        ("kitchen", GARDEN, False), ("*", OTHERS, True),
        # The look at a carrier's order, in a room beside the one that it is for.
        (probe.room_beside("tcp", "garden"), GARDEN, True), ("shed-probe-0a1b2c3d", OTHERS, False),
        ("garden-probe-", GARDEN, False), ("garden-probe-xyzw", GARDEN, False),
        ("garden-probe-0a1b2c3d-probe-0a1b2c3d", GARDEN, False),
    ]
    for room, token, opens in cases:
        assert tokens.allow(room, digest(token)) is opens, room
        assert not tokens.allow(room, None)
    long = tokens_of(**{"l" * 60: [GARDEN], "any": [OTHERS]})
    beside = probe.room_beside("tcp", "l" * 60)
    assert long.allow(beside, digest(GARDEN)) and not long.allow(beside, digest(OTHERS))
    beside = probe.room_beside("tcp", "ll")
    assert long.allow(beside, digest(OTHERS)) and not long.allow(beside, digest(GARDEN))
    open_rooms = tokens_of(garden=[GARDEN])
    assert open_rooms.allow("kitchen", None) and not open_rooms.allow("garden", None)
    assert not open_rooms.allow("garden-probe-0a1b2c3d", None)


@story
async def test_who_guesses_waits_and_soon_is_not_listened_to():
    async with a_relay(tokens=tokens_of(garden=[GARDEN]), guesses=4) as relay:
        begun = time.monotonic()
        guesses = [answers(relay, hello(room="garden", token=WRONG + str(i))) for i in range(4)]
        said = [one[-1][1] for one in await asyncio.gather(*guesses)]
        assert all("wrong token" in word for word in said)
        assert time.monotonic() - begun > 0.9
        for token in (WRONG, GARDEN):  # whatever it is: an answer would tell
            word = (await answers(relay, hello(room="garden", token=token)))[-1][1]
            assert word.startswith("too many wrong tokens came from your address")
        await (await enter(relay, "ana", "kitchen")).close()
        assert not any(WRONG in line or GARDEN in line for line in relay.lines)


@story
async def test_who_guesses_shuts_nobody_out_who_was_in_from_that_address():
    async with a_relay(tokens=tokens_of(garden=[GARDEN], shed=[OTHERS]), guesses=2) as relay:
        await (await enter(relay, "ana", "garden", token=GARDEN)).close()
        guesses = [answers(relay, hello(room="garden", token=WRONG + str(i))) for i in range(4)]
        assert len(await asyncio.gather(*guesses)) == 4
        # Ana's neighbour behind the same router, or a device with an old token, tries on.
        ana = await enter(relay, "ana", "garden", token=GARDEN)
        for room, token in (("shed", GARDEN), ("shed", OTHERS), ("garden", WRONG)):
            word = (await answers(relay, hello(room=room, token=token)))[-1][1]
            assert "token" in word
        await ana.close()
        await (await enter(relay, "ana", "garden", token=GARDEN)).close()


@story
async def test_nothing_passes_while_a_wrong_token_waits_for_its_answer():
    async with a_relay(tokens=tokens_of(garden=[GARDEN])) as relay:
        ana = await enter(relay, "ana", "garden", token=GARDEN)
        guess = asyncio.ensure_future(
            answers(relay, hello(room="garden", token=WRONG) + hello(room="garden", token=GARDEN))
        )
        assert [message[0] for message in await guess] == [link.ERROR]
        await ana.post(b"alone")
        assert await ana.recv() == (link.FRAME, "ana", b"alone")


def test_the_file(tmp_path):
    path = a_file(tmp_path, f"# mine\n\ngarden {GARDEN}\n garden  {OTHERS} \nthe shed {WRONG}\n")
    tokens = relay_tokens.load(path)
    digest = relay_tokens.digest
    assert tokens.allow("garden", digest(GARDEN)) and tokens.allow("garden", digest(OTHERS))
    assert tokens.allow("the shed", digest(WRONG)) and not tokens.allow("the shed", None)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "holds no token"), ("# only\n", "holds no token"), ("garden\n", "not ROOM TOKEN"),
        ("garden 0123456789abcde\n", "16 to 64"), (f"garden {'a' * 65}\n", "16 to 64"),
        ("garden 0123456789abcdef@home\n", "16 to 64"), (f"{'r' * 65} {GARDEN}\n", "no room"),
        ("x" * (1 << 20) + "\n", "over 1048576 bytes"),
    ],
)
def test_a_bad_file_is_refused_and_nothing_of_it_is_shown(tmp_path, text, reason):
    with pytest.raises(TokenFault, match=reason) as fault:
        relay_tokens.load(a_file(tmp_path, text))
    assert "0123456789" not in str(fault.value) + fault.value.cure


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o602, 0o666])
def test_a_file_that_others_may_use_is_refused(tmp_path, mode):
    path = a_file(tmp_path, f"* {GARDEN}\n", mode)
    with pytest.raises(TokenFault, match="others may read or change") as fault:
        relay_tokens.load(path)
    assert "chmod 600" in fault.value.cure


def test_a_credential_of_systemd_is_read_although_its_mask_is_in_the_mode(tmp_path, monkeypatch):
    path = a_file(tmp_path, f"* {GARDEN}\n", 0o440)
    with pytest.raises(TokenFault):
        relay_tokens.load(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert relay_tokens.load(path).allow("x", relay_tokens.digest(GARDEN))
    path.chmod(0o444)
    with pytest.raises(TokenFault):
        relay_tokens.load(path)


def test_new_tokens_are_long_and_good_in_a_file_and_an_address(tmp_path):
    made = {relay_tokens.new() for _ in range(100)}
    assert len(made) == 100
    for token in made:
        relay_tokens.load(a_file(tmp_path, f"garden {token}\n"))
        assert room_at(f"tcp://{token}@127.0.0.1/garden").token == token
        assert rooms.at(f"tcp://{token}@127.0.0.1/garden").room().token == token


def test_a_token_in_an_address():
    for kind in ("tcp", "tls"):
        room = room_at(f"{kind}://{GARDEN}@[::1]:99/garden")
        assert (room.token, room.host, room.port, room.room) == (GARDEN, "::1", 99, "garden")
        room = rooms.at(f"{kind}://{GARDEN}@[::1]:99/garden").room()
        assert (room.token, room.host, room.port, room.room) == (GARDEN, "::1", 99, "garden")
    assert room_at("tcp://relay/garden").token is None
    assert room_at("tcp://relay/gar@den").room == "gar@den"
    assert rooms.at("tcp://relay/garden").room().token is None


@pytest.mark.parametrize(
    "address",
    [f"tcp://{GARDEN}@:1/garden", f"tcp://{GARDEN}@host:x/garden", f"tcp://{GARDEN}@host/",
     f"tpc://{GARDEN}@host/garden", f"tcp:/{GARDEN}@host/garden", f"tls://{GARDEN}@host/#a",
     f"{GARDEN}@host", f"{GARDEN}@host:99/garden"],
)
def test_a_bad_address_is_refused_without_its_token(address):
    with pytest.raises(ValueError) as error:
        room_at(address)
    assert GARDEN not in str(error.value)
    with pytest.raises(rooms.AddressFault) as fault:
        rooms.at(address).room()
    assert GARDEN not in str(fault.value) + fault.value.cure


def test_a_token_that_cannot_be_one_is_refused_with_the_cure():
    there = rooms.at("tcp://relay/garden")
    there.secret = "line\nline"
    with pytest.raises(rooms.AddressFault, match="no token of a relay") as fault:
        there.room()
    assert "MPSEQ_TOKEN" in fault.value.cure
    with pytest.raises(ValueError, match="no token in it"):
        room_at(f"tcp://{'t' * 65}@relay/garden")


MEMBER = """
import asyncio
from mpseq_aio.address import room_at
async def main():
    for address in %r:
        room = room_at(address, "board")
        try:
            print("in", await room.open())
            await room.close()
        except OSError as error:
            print("lost", error)
asyncio.run(main())
"""


@story
async def test_micropython_enters_with_its_token(unix_micropython):
    async with a_relay(tokens=tokens_of(garden=[GARDEN])) as relay:
        place = f"127.0.0.1:{relay.port}/garden"
        program = MEMBER % [f"tcp://{GARDEN}@{place}", f"tcp://{WRONG}@{place}", f"tcp://{place}"]
        process = await asyncio.create_subprocess_exec(
            unix_micropython, "-X", "heapsize=160K", "-c", program,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=dict(os.environ, MICROPYPATH="lib:.frozen"),
        )
        said = (await asyncio.wait_for(process.communicate(), 60))[0].decode().splitlines()
        assert said[0] == "in ('board',)"
        assert said[1].startswith("lost the relay says: wrong token for this room")
        assert said[2].startswith("lost the relay says: this room wants a token. Cure: ")


def test_the_command_reads_tokens_and_reads_them_again(tmp_path):
    path = a_file(tmp_path, f"* {GARDEN}\n")
    with a_command("--tokens", path, "--log-names") as command:

        async def visit(token):
            room = tcp.TcpRoom("127.0.0.1", command.port, "garden", "ana", token=token)
            try:
                await room.open()
            except link.CarrierLost as error:
                return str(error)
            await room.close()

        assert asyncio.run(visit(GARDEN)) is None
        path.write_text(f"* {OTHERS}\n")
        command.signal(1)
        command.line("tokens: read again")
        assert "wrong token" in asyncio.run(visit(GARDEN))
        assert asyncio.run(visit(OTHERS)) is None
        path.write_text("spoilt\n")
        command.signal(1)
        assert "the old one stays. Cure:" in command.line("not taken")
        assert asyncio.run(visit(OTHERS)) is None
        command.signal(15)
        assert command.end() == 0
    said = "\n".join(command.lines)
    assert "left room garden" in said and "127.0.0.1 was not let in: wrong token" in said
    assert GARDEN not in said and OTHERS not in said


@story
async def test_tokens_can_change_while_people_are_in():
    async with a_relay(tokens=tokens_of(garden=[GARDEN])) as relay:
        ana = await enter(relay, "ana", "garden", token=GARDEN)
        relay.tokens = tokens_of(garden=[OTHERS])
        ben = await enter(relay, "ben", "garden", token=OTHERS)
        await ana.post(b"still here")
        assert await ben.recv() == (link.FRAME, "ana", b"still here")
        await ana.close()
        await ben.close()
        await until(lambda: not len(relay))
