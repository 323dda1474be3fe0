"""`KeyStore`: the identity and the people known, in one sealed file on the board's flash.

Sealed with AES-256 in counter mode and a MAC of keyed BLAKE2b over all of it, which is compared
in constant time before anything is decrypted. A power cut at any byte leaves the store as it was
or as it should be (see store). What the keys are made of:

- a passphrase, stretched by hashing 4 KiB with BLAKE2b 320 times, each time under the last
  digest: 82 million instructions, half a second of a board of 160 MHz. That is no Argon2, which
  boards have no memory for: each guess is 10,560 blocks of BLAKE2b to whoever has the flash, and
  a good graphics card is reckoned to make some hundred thousand guesses a second. Eight random
  letters last for days, four words drawn by dice from a list of 7,776 for a century, words that
  you made up for minutes. Such a store opens on any board or desktop by the same passphrase;
- without one, the chip's id, which is no secret, and a random key in the file `device`. That keeps
  apart a store and a board that do not belong together, and nothing else: who reads the whole
  flash has it all.

Who can write the flash can put back an older copy of it; nothing here notices that. While a store
is open its keys lie in the board's memory.
"""

from mpseq import Identity, errors
from mpseq.aes_ctr import available, crypt, size
from mpseq.primitives import check_x25519_key, equal, kdf, mc, wipe

from .store import KeyStoreError, Slots, chip_id, make, resume

MAX_PEOPLE = 64
# In the file, behind the head: rounds 2 (0 for the device) | salt 16 | nonce 16 | sealed | MAC 32.
# Sealed: whether there is an identity 1 | its secret 32 | bytes of people 2 | people | zeros.
# One of the people: verified 1 | key 32 | nick 1 + 1-32.


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
            raise KeyStoreError("this firmware lacks AES (cryptolib), which seals keys")
        self.identity = None
        self._folder = folder
        self._source = source
        self._people = bytearray()
        self._front = b""  # rounds and salt that the master key was made of
        self._master = bytearray()
        self._passphrase = bytearray(passphrase)
        resume(folder)
        make(folder)
        self._slots = Slots(folder + "/keys", b"mpseqK\x01", 114 + MAX_PEOPLE * 66)
        try:
            found = self._slots.read()
            for head, content, _ in found:
                if self._open(head, content):
                    return
            if found:
                raise KeyStoreError("the keys do not open: another passphrase, or damaged")
        except BaseException:
            self.close()
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
        """Who is this? Trust on first use. Nicks are compared byte by byte: Ana is not ana.

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
            raise KeyStoreError("this nick has another key: accept the change first")
        self._put(raw, key, 1)

    def accept_change(self, nick, key):
        """This nick has this key from now on. Verified is who was so with this key."""
        self._put(self._state(nick, key)[1], key, self.is_verified(key))

    def forget(self, nick):
        """Somebody is not known any more; the copy before this one goes too."""
        if not self._put(_raw(nick)):
            raise KeyStoreError("nobody is known by this nick")
        self._save(self.identity, self._people)

    def people(self):
        """[(nick, key, verified)]"""
        return [(str(raw[1:], "utf-8"), key, bool(mark)) for mark, key, raw in self._each()]

    def nick_of(self, key):
        """The nick that this key is known by, or None."""
        for nick, known, _ in self.people():
            if known == key:
                return nick

    def is_verified(self, key):
        return (key, True) in [one[1:] for one in self.people()]

    def close(self):
        """Wipes its keys and the passphrase from memory. What it knows can still be asked, but it
        stores nothing any more. The identity is for whoever took it to wipe."""
        wipe(self._passphrase)
        wipe(self._master)
        self._slots = None

    def wipe(self, feed=None):
        """Panic: the memory first, then everything in the folder, see wiping.erase. This object is
        empty then, and stores nothing any more."""
        if self.identity:
            self.identity.wipe()
        self.close()
        self.identity = None
        self._people = b""
        from .wiping import erase

        erase(self._folder, feed)

    # --- people, as they are in the file

    def _each(self):
        at = 0
        people = self._people
        while at < len(people):
            end = at + 34 + people[at + 33]
            yield people[at], bytes(people[at + 1 : at + 33]), bytes(people[at + 33 : end])
            at = end

    def _state(self, nick, key):
        raw = _raw(nick)
        check_x25519_key(key)
        answer = "new"
        for mark, known, named in self._each():
            if named == raw:
                return ("changed" if known != key else "verified" if mark else "known"), raw
            if known == key:
                answer = "renamed"
        return answer, raw

    def _put(self, raw, key=None, mark=0):
        """Stores somebody in the place of who had the nick or the key; without a key, nobody.
        How many had them."""
        people = bytearray()
        kept = gone = 0
        for marked, known, named in self._each():
            if known == key or named == raw:
                gone += 1
            else:
                people += bytes((marked,)) + known + named
                kept += 1
        if key:
            if kept == MAX_PEOPLE:
                raise KeyStoreError("%d people are known: forget one first" % kept)
            people += bytes((mark,)) + key + raw
        if key or gone:
            self._save(self.identity, people)
        return gone

    # --- the file

    def _open(self, head, content):
        if len(content) < 114:
            return False
        rounds = content[0] << 8 | content[1]
        if rounds > 4096:
            return False
        if bool(rounds) != bool(self._passphrase):
            why = "the keys are sealed with%s a passphrase" % ("" if rounds else "out")
            raise KeyStoreError(why)
        self._derive(bytes(content[:18]))
        keys = self._keys(head, content)
        try:
            if not equal(_tag(keys, head, content), content[-32:]):
                return False
            plain = memoryview(bytearray(len(content) - 66))
            crypt(keys[:32], content[34:-32], plain)
        finally:
            wipe(keys)
        if plain[0]:
            self.identity = Identity(plain[1:33])
        self._people = bytearray(plain[35 : 35 + (plain[33] << 8 | plain[34])])
        wipe(plain)
        return True

    def _save(self, identity, people):
        if not self._slots:
            raise KeyStoreError("the key store is closed")
        end = 35 + len(people)
        plain = bytearray(size(end))
        content = memoryview(bytearray(66 + len(plain)))
        try:
            if identity:
                plain[0] = 1
                plain[1:33] = identity.secret
            plain[33:35] = len(people).to_bytes(2, "big")
            plain[35:end] = people
            if not self._front:
                rounds = b"\1\x40" if self._passphrase else b"\0\0"  # 320
                self._derive(rounds + self._source.random(16), True)
            content[:18] = self._front
            head = self._slots.head()
            # Hashed with what is sealed: should the source fail, no keystream is used twice.
            kdf(content[18:34], self._master, b"nonce", self._source.random(16), head, plain)
            keys = self._keys(head, content)
            crypt(keys[:32], plain, content[34:-32])
            content[-32:] = _tag(keys, head, content)
            wipe(keys)
            self._slots.write(content)
        finally:
            wipe(plain)
        self.identity = identity
        self._people = people

    def _derive(self, front, new=False):
        """The key of all others, of a passphrase or of the device."""
        if front == self._front:
            return
        salt = front[2:]
        if front[0] | front[1]:
            self._master = stretch(self._passphrase, salt, front[0] << 8 | front[1])
        else:
            device = Slots(self._folder + "/device", b"mpseqD\x01", 32)
            found = device.read()
            if new and not found:
                device.write(self._source.random(32))
                found = device.read()
            if not found:
                raise KeyStoreError("the device's key is lost, and the keys with it")
            self._master = kdf(bytearray(32), found[0][1], b"device", chip_id(), salt)
            wipe(found[0][1])
        self._front = front

    def _keys(self, head, content):
        """A key for AES and one for the MAC, for one text only."""
        return memoryview(kdf(bytearray(64), self._master, b"keys", head, content[:34]))


def _tag(keys, head, content):
    return kdf(bytearray(32), keys[32:], head, content[:-32])


def _raw(nick):
    raw = nick.encode()
    if not 0 < len(raw) < 33:
        raise errors.LocalError("a nick has 1-32 bytes")
    return bytes((len(raw),)) + raw
