"""A name server for a test: what it was told of XMPP servers, and that nothing else is there."""

import socketserver
import struct
import threading

_A, _SRV = 1, 33


class Names:
    """`with Names({host: (address, port)}) as names:`: A records of the hosts, SRV records for the
    XMPP servers that serve them, NXDOMAIN for all else. By UDP at 127.0.0.1, port `names.port`."""

    def __init__(self, hosts):
        self.hosts = hosts
        self._server = socketserver.UDPServer(("127.0.0.1", 0), self._handle)
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, request, client, server):
        data, way = request
        way.sendto(self.answer(data), client)

    def answer(self, data):
        """The answer to a DNS query."""
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
            at += 1 + data[at]
        (kind,) = struct.unpack_from(">H", data, at + 1)
        question = data[12 : at + 5]
        service = labels[:2] == ["_xmpp-server", "_tcp"]
        labels = labels[2:] if service else labels
        address, port = self.hosts.get(".".join(labels), (None, None))
        record = b""
        if address and kind == _A and not service:
            record = bytes(int(part) for part in address.split("."))
        elif address and kind == _SRV and service:
            name = b"".join(bytes((len(label),)) + label.encode() for label in labels)
            record = struct.pack(">HHH", 0, 0, port) + name + b"\0"
        flags = 0x8580 if address else 0x8583
        head = data[:2] + struct.pack(">HHHHH", flags, 1, int(bool(record)), 0, 0)
        if record:
            record = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(record)) + record
        return head + question + record
