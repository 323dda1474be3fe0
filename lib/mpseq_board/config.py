"""A board's settings, `config.json` in FOLDER: who it is, where its room is, whom it knows.

| name       | value                                                                         |
|------------|-------------------------------------------------------------------------------|
| `nick`     | 1-32 bytes of UTF-8                                                           |
| `carrier`  | an address of mpseq_aio/address.py, like `tcp://HOST[:PORT]/ROOM`             |
| `name`     | of the conversation that this board founds as the host; 1-64 bytes            |
| `host`     | true: it founds the conversation when there is none, and invites its people   |
| `people`   | [[nick, public key in 64 hex digits], …]: who may invite it, whom it invites  |
| `wifi`     | {"ssid": …, "password": …}, or null                                           |
| `watchdog` | seconds without progress after which the board is reset, 5-600; 0: never.     |
|            | 30 or more if the carrier has a host's name: no answer takes so long          |
"""

import json
import os

# Not "/mpseq": where the current folder is "/", that would hide the package `mpseq`.
FOLDER = "/mpseq.d"
FILE = "config.json"
_NEW = "config.new"
_KINDS = ("serial:", "tcp://", "tls://", "mqtt://", "mqtts://", "udp://", "espnow:")
_TEXTS = (
    ("nick", 1, 32),
    ("name", 1, 64),
    ("carrier", 1, 200),
    ("ssid", 1, 32),
    ("password", 0, 64),
)


class ConfigError(Exception):
    """The settings cannot be used; the text says which and what helps."""


def load(folder=FOLDER):
    """The settings in `folder`, complete; ConfigError when there are none, or wrong ones."""
    for name in (FILE, _NEW):
        try:
            with open(folder + "/" + name) as file:
                return check(json.load(file))
        except (OSError, ValueError):  # not there, no JSON
            pass
    raise ConfigError("no settings in %s. Cure: mpseq deploy" % folder)


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
    out = {"host": False, "name": "room", "people": [], "wifi": None, "watchdog": 0}
    _need(isinstance(config, dict), "settings", "a table of names and values")
    for name in config:
        _need(name in out or name in ("nick", "carrier"), name, "there is no such setting")
        out[name] = config[name]
    texts = dict(out, password="")
    wifi = out["wifi"]
    if wifi is not None:
        _need(isinstance(wifi, dict), "wifi", '{"ssid": …, "password": …} or null')
        texts.update(wifi)
    for name, least, most in _TEXTS[: 3 if wifi is None else 5]:
        text = texts.get(name)
        fits = isinstance(text, str) and least <= len(text.encode()) <= most
        _need(fits, name, "a text of %d-%d bytes" % (least, most))
    kind = [kind for kind in _KINDS if out["carrier"].startswith(kind)]
    _need(kind, "carrier", "begins with " + " or ".join(_KINDS))
    _need(out["host"] in (True, False), "host", "true or false")
    seconds = out["watchdog"]
    fits = isinstance(seconds, int) and (seconds == 0 or 5 <= seconds <= 600)
    _need(fits, "watchdog", "5 to 600 seconds, or 0")  # it is fed once a second
    people(out)
    return out


def people(config):
    """[(nick, 32-byte key)] of the settings; ConfigError."""
    out = []
    seen = []
    try:
        for nick, digits in config["people"]:
            key = bytes.fromhex(digits)
            raw = nick.encode()
            fits = len(key) == 32 and 1 <= len(raw) <= 32 and raw not in seen and key not in seen
            _need(fits, "people", "%s is there twice, or its key is wrong" % nick)
            out.append((nick, key))
            seen += [raw, key]
    except (ValueError, TypeError, AttributeError):
        _need(False, "people", "[[nick, key of 64 hex digits], …]")
    return out


def _need(good, name, what):
    if not good:
        raise ConfigError("%s: %s. Cure: mpseq deploy" % (name, what))
