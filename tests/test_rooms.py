"""The one form of address: what each means, and that no bad one means anything."""

import pytest

from mpseq_aio.tcp import TcpRoom
from mpseq_aio.tls import TlsRoom
from mpseq_aio.udp import UdpRoom
from mpseq_tools import rooms
from mpseq_tools.commands import rooms_at
from mpseq_tools.xmpp_room import XmppRoom

WHERE = {
    "127.0.0.1:1234": ("tcp", "127.0.0.1", 1234, None),
    "relay.local": ("tcp", "relay.local", 7676, None),
    "[::1]:99": ("tcp", "::1", 99, None),
    "::1": ("tcp", "::1", 7676, None),
    "tcp://relay.local/garden": ("tcp", "relay.local", 7676, "garden"),
    "tcp://[::1]:99/": ("tcp", "::1", 99, None),
    "tls://relay.local:1/garden#cert.pem": ("tls", "relay.local", 1, "garden"),
    "udp://192.168.1.255/garden": ("udp", "192.168.1.255", 7677, "garden"),
    "mqtt://broker/garden/shed": ("mqtt", "broker", 1883, "garden/shed"),
    "mqtts://broker": ("mqtts", "broker", 8883, None),
    "xmpp:garden@rooms.example": ("xmpp", "rooms.example", 5222, "garden"),
    "xmpp:garden@rooms.example?join": ("xmpp", "rooms.example", 5222, "garden"),
    "xmpp:rooms.example": ("xmpp", "rooms.example", 5222, None),
    "xmpp:garden@rooms.example#cert.pem": ("xmpp", "rooms.example", 5222, "garden"),
    "xmpp:garden@rooms.example?server=xmpp.local": ("xmpp", "rooms.example", 5222, "garden"),
    "xmpp://localhost/garden@rooms.localhost": ("xmpp", "rooms.localhost", 5222, "garden"),
    "xmpp://localhost:99/garden@rooms.localhost": ("xmpp", "rooms.localhost", 99, "garden"),
    "xmpp://ana@a.example:99/rooms.example": ("xmpp", "rooms.example", 99, None),
    "xmpp://ana@a.example/x@b.example?join;server=[::1]:99#c": ("xmpp", "b.example", 99, "x"),
    "serial:/dev/ttyACM0": ("serial", "/dev/ttyACM0", None, None),
}


@pytest.mark.parametrize("text", WHERE)
def test_an_address_says_where(text):
    there = rooms.at(text)
    assert (there.kind, there.host, there.port, there.name) == WHERE[text]
    again = rooms.at(str(there))
    assert vars(again) == vars(there)


def test_who_enters():
    there = rooms.at("mqtt://ana:open:sesame@broker/garden")
    assert (there.user, there.secret, there.host) == ("ana", "open:sesame", "broker")
    there = rooms.at("xmpp://ana@example.org/garden@rooms.example.org")
    assert (there.user, there.name) == ("ana@example.org", "garden")
    assert there.host == "rooms.example.org"
    assert (there.server, there.domain) == (None, None)
    there = rooms.at("xmpp://ana:open:sesame@localhost:5299/garden@rooms.localhost#cert.pem")
    assert (there.user, there.secret) == ("ana@localhost", "open:sesame")
    assert (there.server, there.port, there.authority) == ("localhost", 5299, "cert.pem")
    there = rooms.at("xmpp://localhost:5299/garden@rooms.localhost")
    assert (there.user, there.domain, there.server) == (None, "localhost", "localhost")
    there = rooms.at("xmpp://ana@a.example/garden@rooms.a.example?server=10.0.0.2:5299")
    assert (there.user, there.server, there.port) == ("ana@a.example", "10.0.0.2", 5299)
    there = rooms.at("tcp://t0ken@relay/garden")
    assert (there.user, there.secret) == (None, "t0ken")


def test_no_secret_is_shown():
    for text in ("mqtt://ana:sesame@b/c", "tcp://sesame@b/c", "xmpp://a:sesame@b/c@d"):
        assert "sesame" not in str(rooms.at(text))


@pytest.mark.parametrize(
    "wrong",
    ["", "a:b", "a:0", ":1", "a:99999", "http://a/b", "tcp:a/b", "tcp://", "tcp:///garden",
     "garden/shed", "xmpp:", "xmpp://rooms.example", "serial:", "mqtt://a:b/c", "x@y"],
)
def test_a_bad_address_is_refused_with_the_cure(wrong):
    with pytest.raises(rooms.AddressFault) as fault:
        rooms.at(wrong)
    assert "tcp://HOST:PORT/ROOM" in fault.value.cure


def test_carriers():
    kinds = {
        "tcp://a/b": TcpRoom,
        "tls://a/b": TlsRoom,
        "udp://1.2.3.255/b": UdpRoom,
        "xmpp:b@rooms.example": XmppRoom,
    }
    for text, kind in kinds.items():
        room = rooms.at(text).room(label="ana")
        assert type(room) is kind
        assert (room.room, room.label) == ("b", "ana")
    assert rooms.at("relay").room("shed").room == "shed"


@pytest.mark.parametrize("room", [None, "x" * 65, "a\nb"])
def test_a_room_that_cannot_be_is_refused(room):
    with pytest.raises(rooms.AddressFault):
        rooms.at("relay").room(room)


def test_a_relay_gets_no_password_of_elsewhere(monkeypatch):
    monkeypatch.setenv("MPSEQ_PASSWORD", "of the chat server")
    monkeypatch.setenv("MPSEQ_TOKEN", "of the relay")
    assert rooms_at("127.0.0.1").secret == "of the relay"
    assert rooms_at("", "tls://relay/garden").secret == "of the relay"
    assert rooms_at("", "tcp://own@relay/garden").secret == "own"
    for address in ("mqtt://ana@b/c", "xmpp://ana@b/c@d"):
        assert rooms_at("", address).secret == "of the chat server"
