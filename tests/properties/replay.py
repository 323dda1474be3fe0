"""Runs schedules written as text, without hypothesis: `replay.py FILE …`; -v says what happens.

The lines are explained in world.py. A line `# …` is a comment. The end, where the carrier becomes
fair and all must be well, needs no line.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for _folder in (HERE, HERE.parent / "core", ROOT / "lib"):
    if str(_folder) in sys.path:
        sys.path.remove(str(_folder))
    sys.path.insert(0, str(_folder))

_TYPES = (
    "", "MESSAGE", "INVITATION", "JOIN", "ROSTER", "SHARE", "CONFIRM", "ABORT", "REVEAL", "WITNESS"
)


def lines_of(text):
    stripped = [line.split("#")[0].strip() for line in text.splitlines()]
    return [line for line in stripped if line and line != "end"]


def play(lines, tell=None):
    """The World after these lines and its end; raises what does not hold."""
    from world import World

    world = World()
    if tell:
        _listening(world, tell)
    for line in lines:
        if tell:
            tell("%8d > %s" % (world.now, line))
        world.do(line)
    if tell:
        tell("%8d > end" % world.now)
    world.end()
    return world


def _listening(world, tell):
    """Tells of every frame that is delivered and every event."""
    deliver, listen = world._deliver, world._listen

    def told_deliver(entry):
        tell("%8d %s: %s" % (world.now, entry.sender, _TYPES[entry.frame[0] & 15]))
        deliver(entry)

    def told_listen(person):
        known = len(person.events)
        listen(person)
        for event in person.events[known:]:
            short = [one for one in event if isinstance(one, (str, int)) and one is not False]
            tell("%8d     %s: %s %s" % (world.now, person.nick, type(event).__name__, short))

    world._deliver, world._listen = told_deliver, told_listen


def main():
    tell = print if "-v" in sys.argv else None
    for name in sys.argv[1:]:
        if name != "-v":
            world = play(lines_of(pathlib.Path(name).read_text()), tell)
            print("%s: all well after %d s, %d frames" % (name, world.now / 1000, world.posted))


if __name__ == "__main__":
    main()
