"""Where integers start in a file of dlib: a control byte (sign and count of bytes), and the bytes, lowest first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BLOCK, RUN_UP = 1 << 14, 1 << 10  # bytes
MAX_STEP, INVALID_STEP = 9, 1  # bytes of an integer; of a byte that no integer begins with
STEPS = np.array(
    [1 + (byte & 15) if not byte & 0x70 and 1 <= byte & 15 <= 8 else INVALID_STEP for byte in range(256)], np.uint8
)

Integers = npt.NDArray[np.int64]


def find_integers(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Where integers start when one follows another from byte 0 on; MAX_STEP more bytes than the file has.

    All blocks of BLOCK bytes are walked side by side. A walk that begins anywhere soon meets the right one, so a block
    begins where a walk from RUN_UP bytes before it arrives; where the block before ends elsewhere, it is walked again.
    """
    steps, first = STEPS[data], np.arange(0, len(data), BLOCK)
    steps = np.concatenate([steps, np.ones(MAX_STEP, steps.dtype)])
    is_start, end = np.zeros(len(steps), bool), np.minimum(first + BLOCK, len(data))
    entry = _walk(np.maximum(first - RUN_UP, 0), first, steps)
    leave = _walk(entry, end, steps, is_start)
    for block in range(1, len(first)):
        arrived = int(leave[block - 1])
        if arrived != entry[block]:
            is_start[first[block] : end[block]] = is_start[leave[block]] = False
            while arrived < end[block]:
                is_start[arrived] = True
                arrived += int(steps[arrived])
            leave[block] = arrived
        is_start[leave[block - 1]] = True
    is_start[leave[-1]] = True
    return is_start


def _walk(
    at: Integers, end: Integers, steps: npt.NDArray[np.uint8], marks: npt.NDArray[np.bool_] | None = None
) -> Integers:
    """Step from integer to integer until each walk is at its end or beyond; `marks` gets every integer on the way."""
    while (at < end).any():
        if marks is not None:
            marks[at] = True
        at = np.where(at < end, at + steps[at], at)
    return at
