"""The commands of a board's console."""

import gc

from mpseq import errors, fingerprint
from mpseq_aio.clock import now

HELP = """\
/who  who is in; + is verified
/code  to compare by voice
/verify NICK [DIGITS]  the digits of NICK are ours: trust its key
/invite NICK KEY  to the people of this board
/leave, /join  stay out; come back
/stats, /key  of this board
/identity  makes one if there is none
Anything else is a text to all."""


async def do(node, name="help", *words):
    """Does a command; an exception says why it was not done."""
    found = _COMMANDS.get(name)
    if not found:
        raise errors.LocalError("/help shows what there is")
    try:
        task = found(node, *words)
    except TypeError:
        raise errors.LocalError("/help shows what /%s wants" % name) from None
    if task:
        await task


def _do_help(node):
    for line in HELP.split("\n"):
        node.log(line)


def _do_who(node):
    for nick, key, _ in node.members:
        node.log("%s [%s]%s" % (nick, fingerprint(key), " +" if node.is_verified(key) else ""))
    node.log("%d in the conversation" % len(node.members))


def _do_code(node):
    node.log("code %s, %s" % (_digits(node), " ".join(node.code[1])))


def _digits(node):
    if not node.code:
        raise errors.LocalError("nobody else is in the conversation")
    return node.code[0]


def _do_key(node):
    identity = node.identity
    if not identity:
        raise errors.LocalError("no identity: /identity makes one")
    node.log("key %s, fingerprint %s" % (identity.public.hex(), identity.fingerprint))


def _do_identity(node):
    store = node.store
    try:
        store.create_identity()
    finally:
        node.learn(store)
    _do_key(node)


def _do_verify(node, nick, *digits):
    found = [one.key for one in node.members if one.nick == nick]
    if not found or found[0] == node.identity.public:
        raise errors.LocalError("there is no other %s here" % nick)
    ours = _digits(node)
    if digits and "".join(digits) != ours:
        raise errors.LocalError("our digits are %s: that is NOT the same session" % ours)
    store = node.store
    try:
        if store.know(nick, found[0]) in ("changed", "renamed"):
            if not digits:
                raise errors.LocalError("%s was known otherwise: compare, and add DIGITS" % nick)
            store.accept_change(nick, found[0])
        store.verify(nick, found[0])
    finally:
        node.learn(store)
    node.log("verified: %s [%s]" % (nick, fingerprint(found[0])))


def _do_invite(node, nick, key):
    from .config import people, save

    config = dict(node.config)
    config["people"] = [one for one in config["people"] if one[0] != nick] + [[nick, key]]
    save(node.folder, config)
    node.config = config
    node.company.people = people(config)
    node.company.nudge()


def _do_leave(node):
    return node.leave()


def _do_join(node):
    node.away = False


def _do_stats(node):
    gc.collect()
    free = gc.mem_free() if hasattr(gc, "mem_free") else 0
    refused = sum(node.chat.conversation.refused.values()) if node.chat else 0
    node.log(
        "%d bytes free, up %d s, %d sent, %d received, %d re-keys, %d frames refused"
        % ((free, now() // 1000) + tuple(node.counts) + (refused,))
    )


# Not by globals(): in .mpy files functions have other names.
_COMMANDS = {
    "help": _do_help,
    "who": _do_who,
    "code": _do_code,
    "key": _do_key,
    "identity": _do_identity,
    "verify": _do_verify,
    "invite": _do_invite,
    "leave": _do_leave,
    "join": _do_join,
    "stats": _do_stats,
}
