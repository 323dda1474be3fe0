"""Monotonic milliseconds that never wrap: the only clock the core is ever shown."""

try:
    from time import ticks_diff, ticks_ms

    _last = ticks_ms()
    _total = 0

    def now() -> int:
        """Milliseconds since the start. Call it at least every 6 days: ticks wrap at 12."""
        global _last, _total
        ticks = ticks_ms()
        _total += ticks_diff(ticks, _last)
        _last = ticks
        return _total

except ImportError:
    from time import monotonic_ns

    _start = monotonic_ns()

    def now() -> int:
        """Milliseconds since the start."""
        return (monotonic_ns() - _start) // 1_000_000
