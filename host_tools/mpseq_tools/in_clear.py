"""Who could read a secret on its way: the password of an account, the token of a relay."""

import ipaddress

_BEHIND_TLS = {"tcp": "tls", "mqtt": "mqtts"}


def is_local(host: str) -> bool:
    """Whether `host` is this machine by its name or number, so that nobody is on the way."""
    host = host.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def warning_of(address: str) -> str | None:
    """The same for a board's address, which need not be one of a desktop's."""
    from . import rooms

    try:
        return warning(rooms.at(address))
    except rooms.AddressFault:
        return None


def warning(rooms) -> str | None:
    """What to say before a secret goes to `rooms`, a rooms.Rooms, in plain text; else None. To an
    XMPP server none does (xmpp_stream.py)."""
    better = _BEHIND_TLS.get(rooms.kind)
    if not rooms.secret or better is None or is_local(rooms.host):
        return None
    what = "token" if rooms.kind == "tcp" else "password"
    return (
        f"your {what} goes to {rooms.host} without TLS, where everyone on the way can read it."
        f" (Not what is said: that is sealed.) Cure: {better}://"
    )
