"""Constants of a module, changed for a while."""

import contextlib


@contextlib.contextmanager
def changed(place, **values):
    """Constants of a module, changed for a while."""
    before = {name: getattr(place, name) for name in values}
    for name, value in values.items():
        setattr(place, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(place, name, value)
