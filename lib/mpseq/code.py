"""The session code: six digits and three words that people compare (5.5)."""

from . import events
from .primitives import blake2b_framed

# 256 short words that are hard to mistake for one another when spoken.
_WORDS = (
    "acid acorn agent alarm alley amber angel ankle apple april apron arena arrow atlas attic "
    "autumn badge bagel baker banjo barrel basil beach beaver bishop bottle bounce breeze "
    "brick bridge bronze bucket butter cabin cactus camel candle canyon carbon carpet castle "
    "cedar cherry circus clover cobra coffee comet copper coral cotton cousin coyote cradle "
    "crater cricket crystal cupid curtain daisy dancer daring desert diesel dinner doctor "
    "dolphin donkey dragon drawer drum eagle earth easel echo eclipse elbow ember empire "
    "engine envoy fabric falcon farmer feather fender fiddle finger flame flute forest fossil "
    "fountain fox frost galaxy garden garlic gecko ghost giant ginger glacier glove goblin "
    "golf gondola gospel grape gravel guitar hammer harbor harvest hazel helmet hermit hippo "
    "honey hotel hunter icicle igloo island ivory jacket jaguar jasmine jelly jigsaw jockey "
    "jungle kayak kernel kettle kiosk kitchen knight koala ladder lagoon lantern laser lemon "
    "lily lizard lobster locket lotus magnet mango marble meadow melon meteor mirror mitten "
    "monkey mosaic mountain muffin museum mustard napkin nectar needle nickel ninja nomad "
    "nutmeg oasis ocean octopus olive onion opera orbit orchid otter oyster paddle palace "
    "panda paper parrot pebble pelican pencil pepper phantom piano picnic pilot pirate planet "
    "plum pocket poet pony poplar potato prism pumpkin puppet puzzle quarry quartz queen "
    "rabbit radar radish raven ribbon river robin rocket ruby saddle salmon sandal satin "
    "saturn shadow shovel silver siren spider sponge spruce squid statue sugar sunset tango "
    "temple thunder tiger timber tomato tornado trumpet tulip tunnel turtle umbrella unicorn "
    "velvet violin volcano wagon walnut walrus wizard yogurt zebra zephyr"
)


def session_code(key, opened):
    """Code from the SAS secret (32 bytes) and all opened commitments, in ascending index."""
    parts = []
    for y, t in opened:
        parts.append(y)
        parts.append(t)
    digest = blake2b_framed(key, 32, b"code", *parts)
    number = int.from_bytes(digest[:8], "big") % 1000000
    return events.Code("%06d" % number, tuple([_word(byte) for byte in digest[8:11]]))


def _word(number):
    """Without a list of all words, which a board may have no room for."""
    at = 0
    for _ in range(number):
        at = _WORDS.find(" ", at) + 1
    end = _WORDS.find(" ", at)
    return _WORDS[at:] if end < 0 else _WORDS[at:end]
