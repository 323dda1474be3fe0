"""What a board does seldom: its watchdog, panic."""

import gc


def watchdog(seconds):
    """The hardware's watchdog, running; on RP2 of 8 s at most."""
    from machine import WDT

    try:
        return WDT(timeout=seconds * 1000)
    except ValueError:
        return WDT(timeout=8000)


def tame(dog):
    """Lets a timer feed the watchdog, until the next soft reset: somebody works at the prompt."""
    global _timer
    try:
        from machine import Timer

        _timer = Timer(-1)
        _timer.init(period=1000, callback=lambda timer: dog.feed())
    except (ImportError, ValueError):
        print("mpseq: no timer to feed the watchdog with: it resets the board soon")


def panic(node):
    """Wipes what a node has in memory and on flash, and resets the board. The key store is not
    asked: it need not open, nor is there always memory for it."""
    try:
        session = node.chat and node.chat.conversation.session
        if session:
            session.wipe()
            if session.keys:
                session.keys.wipe()
        if node.identity:
            node.identity.wipe()
    finally:
        try:
            node.whole = None
            gc.collect()
            from .wiping import erase

            erase(node.folder, node._feed)
        finally:
            try:
                from machine import reset
            except ImportError:
                raise SystemExit from None
            reset()
