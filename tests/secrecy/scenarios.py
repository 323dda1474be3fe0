"""Stories of one member, `ben`, in a room; at each `mark` his memory is looked at.

A new one is a function of (house, ben) with marks in it. What he may still have at a mark is found
by record.held(); everything else that he ever had must be gone.
"""

from cheats import Cheat, wrong_z

from mpseq import wire


def hold_back(house, kind):
    """Frames of this type wait with the carrier; returns the list of them."""
    waiting = []

    def hook(sender, frame):
        if frame[0] & 15 == kind:
            waiting.append((sender, frame))
            return ()
        return (frame,)

    house.hook = hook
    return waiting


def let_go(house, waiting):
    house.hook = None
    for sender, frame in waiting:
        house.deliver(sender, frame)
    house.settle()


def messages(house, ben):
    """The key of each message goes when it was used, and so does what it was derived from."""
    house.together("ana", "ben", "eva")
    ben.mark("in the room")
    house.say("ana", "read this")
    ben.mark("a message read")
    house.say("ben", "and this")
    ben.mark("a message written")
    house.wait(20000)
    ben.mark("acknowledged")
    chain = bytes(house["ana"].session._chain(house["ana"].session.me))
    first = house["ana"].session.seal(wire.TEXT, b"one too far ahead")
    house["ana"].session._chain(house["ana"].session.me)[:] = chain
    spoilt = first[:-1] + bytes((first[-1] ^ 1,))
    house["ben"].receive("ana", spoilt, house.now)
    ben.mark("a message refused")


def a_rekey(house, ben):
    """x, E, every K and d, S and the old chains go at the switch, whatever the exchange needed."""
    house.together("ana", "ben", "eva")
    waiting = hold_back(house, wire.CONFIRM)
    house["ana"].rekey(house.now)
    house.settle()
    ben.mark("all but the CONFIRMs")
    let_go(house, waiting)
    ben.mark("re-keyed")
    house.say("ben", "after it")
    house["ben"].rekey(house.now)
    house.settle()
    ben.mark("re-keyed again")


def somebody_leaves(house, ben):
    house.together("ana", "ben", "eva")
    house.say("eva", "good-bye")
    house["eva"].leave(house.now)
    house.settle()
    house.wait(10000)
    assert house.here("ben") == ["ana", "ben"]
    ben.mark("eva is gone")
    house["ana"].leave(house.now)
    house.settle()
    house.wait(10000)
    assert house.here("ben") == ["ben"]
    ben.mark("alone")


def he_leaves(house, ben):
    house.together("ana", "ben", "eva")
    house.say("ana", "a last word")
    ben.mark("in the room")
    house["ben"].leave(house.now)
    house.settle()
    assert not house["ben"].session
    ben.mark("out")


def he_leaves_in_an_exchange(house, ben):
    """What he has of the exchange goes with the rest."""
    house.together("ana", "ben", "eva")
    waiting = hold_back(house, wire.CONFIRM)
    house["ana"].rekey(house.now)
    house.settle()
    house["ben"].leave(house.now)
    house.settle()
    ben.mark("leaving")
    let_go(house, waiting)
    house.wait(10000)
    assert not house["ben"].session
    ben.mark("out")


def he_is_expelled(house, ben):
    house.together("ana", "ben", "eva")
    for nick in ("ana", "eva"):
        house[nick].expel(house.key("ben"), house.now)
    house.settle()
    house.wait(10000)
    assert not house["ben"].session
    ben.mark("expelled")


def a_founder_brings_people(house, ben):
    """Alone, S was random; then tickets, wraps and the secrets of invitations come and go."""
    house.found("ben")
    ben.mark("alone")
    house.invite("ben", "ana", "eva")
    ben.mark("two invited")
    house.settle()
    ben.mark("three")
    house.bring("ana", "dan")
    assert house.here("ben") == ["ana", "ben", "dan", "eva"]
    ben.mark("four")


def two_rooms(house, ben):
    """Of the first room nothing is left in the second."""
    house.together("ana", "ben")
    house["ben"].leave(house.now)
    house.settle()
    house["ana"].leave(house.now)
    house.wait(20000)
    house.together("eva", "ben")
    ben.mark("in the second room")


def an_exchange_fails(house, ben):
    """A dead exchange keeps x and E until the next one, and nothing else of it (7)."""
    house.together("ana", "ben", "eva")
    house.hook = Cheat(house).spoil("eva", wire.SHARE, wrong_z)
    reveals = []
    cheat = house.hook

    def hook(sender, frame):
        if frame[0] & 15 == wire.REVEAL:
            reveals.append((sender, frame))
            return ()
        return cheat(sender, frame)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    assert reveals and house["ben"]._dead
    ben.mark("aborted")
    let_go(house, reveals)
    house.wait(20000)
    assert house.here("ben") == ["ana", "ben"]
    ben.mark("without eva")


def a_reveal_is_refused(house, ben):
    """Who never learns whose fault it was keeps E no longer for that."""
    house.together("ana", "ben", "eva")
    cheat = Cheat(house).spoil("eva", wire.SHARE, wrong_z, most=1)
    house.hook = cheat.hush("eva", wire.REVEAL)
    house["ana"].rekey(house.now)
    house.settle()
    assert house["ben"]._dead
    ben.mark("aborted")
    house.wait(200000)
    assert house.here("ben") == ["ana", "ben"]
    ben.mark("without eva")


def a_join_fails(house, ben):
    """The same for one who comes in: his y is spent, and he asks again with another."""
    house.together("ana", "eva")
    house.hook = Cheat(house).spoil("eva", wire.SHARE, wrong_z, most=1)
    house.bring("ana", "ben")
    house.wait(30000)
    assert house.here("ben") == ["ana", "ben"]
    ben.mark("in at the second try")


SCENARIOS = (
    messages,
    a_rekey,
    somebody_leaves,
    he_leaves,
    he_leaves_in_an_exchange,
    he_is_expelled,
    a_founder_brings_people,
    two_rooms,
    an_exchange_fails,
    a_reveal_is_refused,
    a_join_fails,
)
