"""Programs that `mpseq deploy` runs on a board, or puts there. Names in capitals are set first."""

PROMPT = "mpseq: passphrase? Type it now; it is not shown."

# Before the library is there that could read them.
SETTINGS = """
import json
try:
    with open(FOLDER + "/config.json") as file:
        there = json.load(file)
    print(repr((there.get("watchdog", 0), list(there))))
except (OSError, ValueError, AttributeError):
    print((0, []))
"""

# The one that runs cannot be stopped, not by a soft reset either; so it is fed: before every
# program, and by a timer where there is one that can be had. Not tried on hardware.
FEED = """
import machine, sys
try:
    _dog = machine.WDT(timeout=SECONDS * 1000)
except ValueError:
    _dog = machine.WDT(timeout=8000)
try:
    # 1.25 has no -1 on an ESP32, and 1.24 crashes on a C3.
    _feeding = machine.Timer(0 if sys.platform == "esp32" else -1)
    _feeding.init(period=500, callback=lambda timer: _dog.feed())
except (AttributeError, ValueError, OSError):
    pass
"""

CONFIGURE = """
import json
from mpseq_board import config
try:
    old = config.load(config.FOLDER)
except config.ConfigError:
    old = {}
gone = [it[0] for it in old.get("people", []) if it[0] in GONE]
if gone:
    old = dict(old, people=[it for it in old["people"] if it[0] not in GONE])
new = dict(old)
new.update(json.loads(GIVEN))
if old.get("people") and "people" in json.loads(GIVEN):
    keys = [key for _, key in new["people"]]
    nicks = [nick for nick, _ in new["people"]]
    new["people"] += [it for it in old["people"] if it[1] not in keys and it[0] not in nicks]
try:
    new = config.check(new)
    changed = new != old or gone != []
    if changed:
        config.save(config.FOLDER, new)
    new["wifi"] = None
    print(repr((changed, "", new, gone)))
except config.ConfigError as error:
    print(repr((False, str(error), {}, [])))
"""

# The radio, which makes the random numbers of an ESP32, finds no memory behind the library.
IDENTIFY = """
import binascii, sys
wlan = None
if sys.platform == "esp32":
    try:
        from mpseq_board import radio
        wlan = radio.on()
    except Exception:  # the source tells it, should that matter
        pass
from mpseq_board.config import FOLDER
from mpseq_board.entropy import Source, Untrusted
from mpseq_board.keystore import KeyStore, KeyStoreError
try:
    source = Source(FOLDER)
    if wlan is not None:
        wlan.active(False)
    source.inject(binascii.a2b_base64(GIVEN))
    store = KeyStore(FOLDER, source, PASSPHRASE)
    me = store.identity
    fresh = me is None
    if fresh:
        me = store.create_identity()
    people = [(nick, binascii.unhexlify(key)) for nick, key in PEOPLE]
    known = [one[0] for one in store.people()]
    gone = [nick for nick in GONE if nick in known]
    for nick in gone:
        store.forget(nick)
    strange = []
    for nick, key in people:
        known = store.know(nick, key)
        if known == "changed":
            strange.append(nick)
            continue
        if known == "renamed":
            store.accept_change(nick, key)
        store.verify(nick, key)
    print(repr((fresh, "", bytes(me.public), me.fingerprint, strange, gone)))
except (Untrusted, KeyStoreError) as error:
    print(repr((False, str(error), b"", "", [], [])))
"""

# It goes forward only, as certificates that have expired may have been stolen since.
CLOCK = """
try:
    with open(FOLDER + "/time") as file:
        there = tuple([int(word) for word in file.read().split()])
except (OSError, ValueError):
    there = ()
if NOW > there or len(there) != 6:
    with open(FOLDER + "/time", "w") as file:
        file.write("%d %d %d %d %d %d" % NOW)
    there = NOW
try:
    from machine import RTC
    RTC().datetime(there[:3] + (0,) + there[3:] + (0,))
except (ImportError, AttributeError):
    pass
print(there)
"""

# Before a main.py of any kind: the passphrase of the key store, asked for at every start.
ASKING = b"""\
# mpseq deploy --passphrase: what opens the keys of this board is not on it.
import sys
from mpseq_board import node as _node

def _asking(run):
    def asked(*places, **options):
        print("PROMPT")
        word = bytearray()
        while not word or word[-1] not in b"\\r\\n":
            word += sys.stdin.buffer.read(1)
            if word in (b"\\r", b"\\n"):
                word = bytearray()
        return run(*places, passphrase=bytes(word[:-1]), **options)
    return asked

_node.run = _asking(_node.run)

""".replace(b"PROMPT", PROMPT.encode())

MAIN_THERE = """
try:
    with open("/main.py") as file:
        text = file.read()
    print(("mpseq" in text, "_asking" in text))
except OSError:
    print((None, False))
"""

IS_THERE = """
import os
try:
    os.stat(PATH)
    print(True)
except OSError:
    print(False)
"""
