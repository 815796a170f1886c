"""What a command finds around it: standard streams, the current folder, memory."""

from __future__ import annotations

import atexit
import errno
import os
import sys

from styleclip.errors import UsageError

NO_MEMORY = (  # in what C and C++ libraries say, also while they are imported
    "annot allocate memory",
    "an't allocate memory",
    "failed to map segment",
    "failed to map",
    "bad_alloc",
    "OpenBLAS",
    "an't start new thread",
    "Unable to allocate",
    "out of memory",
)


def open_closed_streams() -> None:
    """Connect standard streams that are closed with the null device.

    Without it, the next file that is opened would take the place of a closed stream, and libraries would print into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            stream = open(os.devnull, "w" if number else "r", encoding="utf-8")  # noqa: SIM115
            atexit.register(stream.close)  # Python warns of a file that is open at the end
            setattr(sys, name, stream)


def check_current_folder() -> None:
    """Raise UsageError where the current folder was deleted: libraries end the process then."""
    try:
        os.getcwd()
    except OSError as error:
        raise UsageError("the current folder is gone or may not be read; change to another one with cd") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory of this process or of the GPU ran out."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if isinstance(error, ImportError | OSError | RuntimeError) and any(words in str(error) for words in NO_MEMORY):
        return True
    if "styleclip.runtime.batching" not in sys.modules:
        return False
    from styleclip.runtime import batching

    return isinstance(error, Exception) and batching.is_out_of_memory(error)
