"""A board's settings, `config.json` in FOLDER: who it is, where its room is, whom it knows.

| name       | value                                                                         |
|------------|-------------------------------------------------------------------------------|
| `nick`     | 1-32 bytes of UTF-8                                                           |
| `carrier`  | `serial:ROOM`, `tcp://HOST[:PORT]/ROOM`, `tls://…`, `udp://…` or `espnow:ROOM` |
| `name`     | of the conversation that this board founds as the host; 1-64 bytes            |
| `host`     | true: it founds the conversation when there is none, and invites its people   |
| `people`   | [[nick, public key in 64 hex digits], …]: who may invite it, whom it invites  |
| `wifi`     | {"ssid": …, "password": …}, or null                                           |
| `watchdog` | seconds without progress after which the board is reset, 1-600; 0: never      |
"""

import json
import os

# Not "/mpseq": where the current folder is "/", that would hide the package `mpseq`.
FOLDER = "/mpseq.d"
FILE = "config.json"
_NEW = "config.new"
_KINDS = ("serial:", "tcp://", "tls://", "udp://", "espnow:")


class ConfigError(Exception):
    """The settings cannot be used; the text says which and what helps."""


def load(folder=FOLDER):
    """The settings in `folder`, complete; ConfigError when there are none, or wrong ones."""
    problem = "no settings in %s. Cure: mpseq deploy" % folder
    for name in (FILE, _NEW):
        try:
            with open(folder + "/" + name) as file:
                return check(json.load(file))
        except OSError:
            pass
        except ValueError:
            problem = "%s/%s is not JSON. Cure: mpseq deploy" % (folder, FILE)
    raise ConfigError(problem)


def save(folder, config):
    """Writes them, so that a power cut leaves the old or the new ones; ConfigError when they are
    wrong, then nothing is written."""
    from .store import write

    data = json.dumps(check(config)).encode()
    # At each moment one of the two is whole: half an object is no JSON.
    for name in (_NEW, FILE):
        write(folder + "/" + name, data)
    os.remove(folder + "/" + _NEW)


def check(config):
    """The settings with what was left out filled in; ConfigError."""
    if not isinstance(config, dict):
        raise ConfigError("the settings are not a table of names and values")
    out = {"host": False, "name": "room", "people": [], "wifi": None, "watchdog": 0}
    for name in config:
        if name not in out and name not in ("nick", "carrier"):
            raise ConfigError("%s: there is no such setting" % name)
        out[name] = config[name]
    _text(out, "nick", 32)
    _text(out, "name", 64)
    _text(out, "carrier", 200)
    if not [kind for kind in _KINDS if out["carrier"].startswith(kind)]:
        raise ConfigError("carrier: an address begins with %s" % " or ".join(_KINDS))
    if not isinstance(out["host"], bool):
        raise ConfigError("host: true or false")
    dog = out["watchdog"]
    if not isinstance(dog, int) or isinstance(dog, bool) or not 0 <= dog <= 600:
        raise ConfigError("watchdog: 0 to 600 seconds")
    wifi = out["wifi"]
    if wifi is not None:
        if not isinstance(wifi, dict):
            raise ConfigError('wifi: {"ssid": …, "password": …} or null')
        _text(wifi, "ssid", 32, "wifi ")
        wifi.setdefault("password", "")
        _text(wifi, "password", 64, "wifi ", 0)
    people(out)
    return out


def people(config):
    """[(nick, 32-byte key)] of the settings; ConfigError."""
    out = []
    for one in config["people"] if isinstance(config["people"], list) else [None]:
        try:
            nick, key = one
            key = bytes.fromhex(key)
        except (ValueError, TypeError):
            key = b""
        if len(key) != 32 or not isinstance(nick, str) or not 1 <= len(nick.encode()) <= 32:
            raise ConfigError("people: [[nick, key of 64 hex digits], …]")
        if key in [it[1] for it in out] or nick in [it[0] for it in out]:
            raise ConfigError("people: %s is there twice, or its key" % nick)
        out.append((nick, key))
    return out


def _text(table, name, most, where="", least=1):
    text = table.get(name)
    if not isinstance(text, str) or not least <= len(text.encode()) <= most:
        raise ConfigError("%s%s: a text of %d-%d bytes" % (where, name, least, most))
