"""`KeyStore`: the identity and the people known, in one sealed file on the board's flash.

Sealed with AES-256 in counter mode and a MAC of keyed BLAKE2b over all of it, which is compared
in constant time before anything is decrypted. A power cut at any byte leaves the store as it was
or as it should be (see store). What the keys are made of:

- a passphrase, stretched by hashing 4 KiB with BLAKE2b 320 times, each time under the last
  digest: half a second of a board of 160 MHz. That is no Argon2. A graphics card tries about
  a hundred thousand passphrases a second, so eight random letters last for weeks, four words
  drawn from 7,776 for centuries. Words that you made up yourself may last for minutes. Such a
  store can be copied to another board or a desktop, and is opened there by the same passphrase;
- without one, the chip's id and a random key in the file `device`. That keeps apart a store and
  a board that do not belong together, and nothing else: who reads the whole flash has it all.

Who can write the flash can put back an older copy of it; nothing here notices that. In memory the
keys lie in the open while the store is.
"""

import os

from mpseq import Identity
from mpseq.aes_ctr import available, crypt, size
from mpseq.primitives import check_x25519_key, equal, kdf, mc, wipe
from mpseq.wire import text_bytes

from . import store
from .store import Slots, StoreError, chip_id, destroy

MAX_PEOPLE = 64
_MAGIC = b"mpseqK\x01"
_FRONT = 34  # in the open: rounds 2, or 0 for the device; salt 16; nonce 16
_HEAD = 35  # sealed: whether there is an identity 1; its secret 32; bytes of people 2
_PERSON = 66  # at most: verified 1, key 32, nick 1 + 32
_MAC = 32
_ROUNDS = 320
_MOST_ROUNDS = 4096


class KeyStoreError(Exception):
    """It cannot be done, and nothing was changed. The text says why; no secret is in it."""


def stretch(passphrase, salt, rounds):
    """A key of 32 bytes, a bytearray, of a passphrase. Each round hashes 4 KiB."""
    key = kdf(bytearray(32), salt, b"passphrase", passphrase)
    data = bytearray(4096)
    for at in range(rounds):
        mc.blake2b(data, key, key)
        at = at * 32 & 4095
        data[at : at + 32] = key
    wipe(data)
    return key


def erase(folder, feed=None):
    """Destroys a folder, and what LittleFS has left of it where nothing shows it. When a cut ends
    it, the next KeyStore that is opened there goes on.

    Every file is overwritten and removed; then, but for a desktop, all free space is written once,
    which takes some 10 s for each MB of flash. `feed()` is called for each 512 bytes of that. Out
    of reach are flash outside of the file system, worn-out blocks, and what an SD card's own
    controller keeps.
    """
    mark = folder + ".wipe"
    try:
        store.write(mark, b"")
    except OSError:
        pass  # a full disk, and a cut will leave what is left then
    try:
        destroy(folder)
    except OSError as error:
        if error.errno != 2:  # ENOENT: this far it was before a cut
            raise
    try:
        if store.platform != "system":
            with open(mark, "wb") as file:
                while True:
                    file.write(bytes(512))
                    if feed:
                        feed()
    except OSError:
        pass  # full
    os.remove(mark)


class KeyStore:
    """Opens the store in `folder`, or starts an empty one there. `source`: an entropy.Source.
    `passphrase`: bytes; none seals for the device.

    `identity`: a mpseq.Identity, or None. KeyStoreError when the store does not open, or this
    MicroPython has no AES. What stores something raises KeyStoreError when it cannot, and
    entropy.Untrusted when `source` has problems; LocalError for a nick that is none (1-32 bytes)
    and BadPublicKey for a key that is none (32 bytes).
    """

    def __init__(self, folder, source, passphrase=b""):
        if not available():
            raise KeyStoreError("keys are sealed with AES (cryptolib), which this firmware lacks")
        self.identity = None
        self._folder = folder
        self._source = source
        self._people = bytearray()
        self._front = b""
        self._master = bytearray()
        self._passphrase = bytearray(passphrase)
        self._slots = Slots(folder + "/keys", _MAGIC, _FRONT + _HEAD + MAX_PEOPLE * _PERSON + 64)
        try:
            os.stat(folder + ".wipe")
        except OSError:
            pass
        else:
            erase(folder)
        try:
            os.mkdir(folder)
        except OSError:
            pass  # there already; else nothing can be stored, which is told then
        try:
            self._read()
        except BaseException:
            self._close()
            raise

    def create_identity(self):
        """Makes the identity, stores and returns it."""
        if self.identity:
            raise KeyStoreError("there is an identity already")
        identity = Identity.generate(self._source.random)
        try:
            self._save(identity, self._people)
        except BaseException:
            identity.wipe()
            raise
        return identity

    def know(self, nick, key):
        """Who is this? Trust on first use.

        "new": nobody was known by this nick or this key, now somebody is. "known", "verified": as
        before. For the others nothing is stored. "changed": ALARM, this nick is known with another
        key; it is somebody's new device, or it is somebody else. "renamed": this key is known by
        another nick (see nick_of). These two come again until accept_change().
        """
        answer, raw = self._state(nick, key)
        if answer == "new":
            self._put(raw, key, 0)
        return answer

    def verify(self, nick, key):
        """Marks somebody as verified, known or not: you compared fingerprints."""
        answer, raw = self._state(nick, key)
        if answer == "changed":
            raise KeyStoreError("this nick is known with another key: accept the change first")
        self._put(raw, key, 1)

    def accept_change(self, nick, key):
        """This nick has this key from now on. Verified is who was so with this key."""
        self._put(self._state(nick, key)[1], key, self.is_verified(key))

    def forget(self, nick):
        """Somebody is not known any more; the copy before this one goes too."""
        raw = text_bytes(nick, 32)
        if raw not in [named for _, _, named in self._each()]:
            raise KeyStoreError("nobody is known by this nick")
        self._put(raw)
        self._save(self.identity, self._people)

    def people(self):
        """[(nick, key, verified)]"""
        return [(raw[1:].decode(), key, bool(mark)) for mark, key, raw in self._each()]

    def nick_of(self, key):
        """The nick that this key is known by, or None."""
        for _, known, raw in self._each():
            if known == key:
                return raw[1:].decode()

    def is_verified(self, key):
        return any([mark and known == key for mark, known, _ in self._each()])

    def wipe(self, feed=None):
        """Panic: the memory first, then everything in the folder, see erase(). This object is
        empty then, and stores nothing any more."""
        if self.identity:
            self.identity.wipe()
        self._close()
        self._slots = self.identity = None
        self._people = bytearray()
        erase(self._folder, feed)

    # --- people, as they are in the file: verified 1, key 32, nick with its length

    def _each(self):
        at = 0
        people = self._people
        while at < len(people):
            end = at + 34 + people[at + 33]
            yield people[at], bytes(people[at + 1 : at + 33]), bytes(people[at + 33 : end])
            at = end

    def _state(self, nick, key):
        raw = text_bytes(nick, 32)
        check_x25519_key(key)
        answer = "new"
        for mark, known, named in self._each():
            if named == raw:
                return ("changed" if known != key else "verified" if mark else "known"), raw
            if known == key:
                answer = "renamed"
        return answer, raw

    def _put(self, raw, key=None, mark=0):
        """Stores somebody in the place of who had the nick or the key; without a key, nobody."""
        people = bytearray()
        count = 0
        for marked, known, named in self._each():
            if known != key and named != raw:
                people += bytes((marked,)) + known + named
                count += 1
        if key:
            if count == MAX_PEOPLE:
                raise KeyStoreError("%d people are known: forget one first" % count)
            people += bytes((mark,)) + key + raw
        self._save(self.identity, people)

    # --- the file

    def _close(self):
        wipe(self._passphrase)
        wipe(self._master)
        self._front = b""

    def _read(self):
        try:
            found = self._slots.read()
        except StoreError as error:
            raise KeyStoreError(str(error)) from None
        for head, content in found:
            if self._open(head, content):
                return
        if found:
            raise KeyStoreError("the keys do not open: another passphrase or board, or damaged")

    def _open(self, head, content):
        rounds = content[0] << 8 | content[1]
        if len(content) < _FRONT + _HEAD + _MAC or rounds > _MOST_ROUNDS:
            return False
        if bool(rounds) != bool(self._passphrase):
            why = "the keys are sealed %s a passphrase" % ("with" if rounds else "without")
            raise KeyStoreError(why)
        self._derive(bytes(content[:18]))
        keys = self._keys(head, content[18:_FRONT])
        try:
            if not equal(_tag(keys, head, content[:-_MAC]), content[-_MAC:]):
                return False
            plain = bytearray(len(content) - _FRONT - _MAC)
            crypt(keys[:32], content[_FRONT:-_MAC], memoryview(plain))
        finally:
            wipe(keys)
        if plain[0]:
            self.identity = Identity(memoryview(plain)[1:33])
        self._people = plain[_HEAD : _HEAD + (plain[33] << 8 | plain[34])]
        wipe(plain)
        return True

    def _save(self, identity, people):
        if self._slots is None:
            raise KeyStoreError("wiped")
        end = _HEAD + len(people)
        plain = bytearray(size(end))
        content = bytearray(_FRONT + len(plain) + _MAC)
        view = memoryview(content)
        try:
            if identity:
                plain[0] = 1
                plain[1:33] = identity.secret
            plain[33:_HEAD] = len(people).to_bytes(2, "big")
            plain[_HEAD:end] = people
            if not self._front:
                rounds = _ROUNDS if self._passphrase else 0
                self._derive(rounds.to_bytes(2, "big") + self._source.random(16), True)
            content[:18] = self._front
            head = self._slots.head()
            # Hashed with the plaintext: were the source to fail, no keystream would be used twice.
            kdf(view[18:_FRONT], self._master, b"nonce", self._source.random(16), head, plain)
            keys = self._keys(head, view[18:_FRONT])
            crypt(keys[:32], plain, view[_FRONT:-_MAC])
            view[-_MAC:] = _tag(keys, head, view[:-_MAC])
            wipe(keys)
            self._slots.write(content)
        except OSError as error:
            raise KeyStoreError("the keys cannot be written (%s): make room" % error) from None
        finally:
            wipe(plain)
        self.identity = identity
        self._people = people

    def _derive(self, front, new=False):
        """The key of all keys, of a passphrase or of the device."""
        if front == self._front:
            return
        rounds = front[0] << 8 | front[1]
        salt = front[2:]
        if rounds:
            self._master = stretch(self._passphrase, salt, rounds)
        else:
            device = Slots(self._folder + "/device", b"mpseqD\x01", 32)
            try:
                found = device.read()
            except StoreError:
                found = ()
            if new and not found:
                device.write(self._source.random(32))
                found = device.read()
            if not found:
                raise KeyStoreError("the device's key is lost: only wipe() is left")
            key = found[0][1]
            self._master = kdf(bytearray(32), key, b"device", chip_id(), salt)
            wipe(key)
        self._front = front

    def _keys(self, head, nonce):
        return memoryview(kdf(bytearray(64), self._master, b"keys", head, nonce))


def _tag(keys, head, content):
    return kdf(bytearray(32), keys[32:], b"seal", head, content)
