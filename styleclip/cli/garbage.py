"""The collector of cyclic garbage rests while a command starts and when it ends.

What a command imports are a million objects that stay. To look through them again and again while they come takes
half a second, and once more at the exit, when the system takes all memory back anyway, a whole one.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """No search for garbage until `resume` or the end of the block, and none at the exit of the process."""
    atexit.register(gc.freeze)
    gc.disable()
    try:
        yield
    finally:
        resume_gc()
        gc.unfreeze()


def resume_gc() -> None:
    """Search from here on, and only among what is made from here on."""
    gc.freeze()
    gc.enable()
