"""Files of dlib's shape predictors, written piece by piece, so that a test can spoil any of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any


def integer(value: int) -> bytes:
    """dlib's integer: sign and count of bytes, and the bytes, lowest first."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | 0x80 * (value < 0)]) + abs(value).to_bytes(size, "little")


def number(value: float) -> bytes:
    """dlib's float: mantissa and exponent, with the zero bytes of the mantissa left out."""
    if not math.isfinite(value):
        return integer(0) + integer(32002 if math.isnan(value) else 32000 if value > 0 else 32001)
    fraction, exponent = math.frexp(value)
    mantissa, exponent = int(fraction * 2**24), exponent - 24
    while mantissa and not mantissa & 0xFF:
        mantissa, exponent = mantissa >> 8, exponent + 8
    return integer(mantissa) + integer(exponent if mantissa else 0)


def vector(items: Iterable[bytes]) -> bytes:
    listed = list(items)
    return integer(len(listed)) + b"".join(listed)


def matrix(values: Sequence[float], columns: int = 1) -> bytes:
    return integer(-len(values) // columns) + integer(-columns) + b"".join(map(number, values))


def tree(landmarks: int, splits: Sequence[tuple[int, int, float]], leaves: int | None = None, **spoil: Any) -> bytes:
    leaf = spoil.get("leaf") or matrix([0.25] * (2 * landmarks))
    tests = [integer(a) + integer(b) + number(threshold) for a, b, threshold in splits]
    return vector(tests) + vector([leaf] * (len(splits) + 1 if leaves is None else leaves))


def predictor(landmarks: int = 68, **pieces: Any) -> bytes:
    """A predictor of two cascades with a tree of three splits each, which compare 4 pixels; `pieces` replace some."""
    whole = {
        "version": integer(1),
        "shape": matrix([0.5] * (2 * landmarks)),
        "forests": vector([vector([tree(landmarks, [(0, 1, 3.0), (1, 2, -2.5), (2, 3, 0.0)])])] * 2),
        "anchors": vector([vector(integer(i) for i in (0, 1, 1, landmarks - 1))] * 2),
        "deltas": vector([vector([number(0.25) + number(-0.125)] * 4)] * 2),
        "rest": b"",
        **pieces,
    }
    return b"".join(whole.values())
