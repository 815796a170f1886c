"""dlib's shape predictors (Kazemi and Sullivan 2014): a reader that checks everything dlib takes for granted.

dlib follows the indices in a file without a check, so a damaged file ends the process. The file is a sequence of dlib's
integers: a byte with the sign (bit 7) and the number n of bytes that follow (1 to 8), lowest first. A float is two
integers, mantissa m and exponent e of m * 2^e; a vector is its length and its items; a matrix is minus its rows, minus
its columns, and its floats. P is the number of landmarks.

    version                       1
    mean shape                    matrix [2P, 1]
    cascades of trees             vectors; a tree has
        splits                    vector of (index, index, threshold): pixels of the cascade, of which two are compared
        leaves                    vector of matrices [2P, 1]; one more than splits
    anchors, by cascade           vectors of landmarks: where each pixel is sampled
    offsets from the anchors      vectors of points (2 floats), as many
"""

from __future__ import annotations

import bz2
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from styleclip.errors import WeightError
from styleclip.weights.formats.content import Content, FileTree
from styleclip.weights.formats.dlib_integers import INVALID_STEP, MAX_STEP, STEPS, Integers, find_integers

HEAD = b"\x01\x01"  # the version
NETWORK = re.compile(rb"\x01\x01\x01.(loss_[a-z_]+)", re.DOTALL)  # the version of a network, and its first layer
MAX_BYTES = 1 << 29  # of a file; the published one has 100 MB
MAX_LANDMARKS = 10_000
SEGMENT = 1 << 24  # bytes whose integers are found at once
MAX_VALUE_BITS = 48  # of the integer part of a coordinate or a threshold, to whole bytes of the mantissa
LICENCE = "the published one is trained on iBUG 300-W: no commercial use"


@dataclass(frozen=True)
class ShapePredictor:
    """The dimensions of a predictor whose structure is sound."""

    landmarks: int
    cascades: int
    trees: int  # of all cascades
    splits: int  # of all trees
    pixels: int  # sampled per cascade, at most
    trailing_bytes: int  # behind the predictor, which dlib ignores


def contents(tree: FileTree) -> list[Content]:
    """A shape predictor of dlib."""
    if not isinstance(tree.value, ShapePredictor):
        return []
    found = tree.value
    names = ("landmarks", "cascades", "trees", "splits", "pixels")
    trailing = (f"{found.trailing_bytes:,} bytes follow the predictor and are ignored",) if found.trailing_bytes else ()
    summary = {name: getattr(found, name) for name in names}
    return [Content("landmarks", "dlib shape predictor", found, summary=summary, licence=LICENCE, warnings=trailing)]


def read_predictor(path: Path) -> ShapePredictor:
    """The dimensions of the predictor in a .dat file; raises WeightError where any part of it is not sound."""
    if path.stat().st_size > MAX_BYTES:
        raise WeightError(f"it is larger than {MAX_BYTES >> 20} MB, which no shape predictor is; pass another file")
    return parse_predictor(path.read_bytes())


def read_packed_predictor(path: Path) -> ShapePredictor | None:
    """The dimensions of the predictor in a .dat.bz2 file; None for a packed file of something else."""
    with bz2.open(path) as packed:
        head = packed.read(len(HEAD))
        if head != HEAD:
            return None
        data = head + packed.read(MAX_BYTES - len(HEAD) + 1)
    if len(data) > MAX_BYTES:
        raise WeightError(f"it unpacks to more than {MAX_BYTES >> 20} MB, which no shape predictor does")
    return parse_predictor(data)


def parse_predictor(data: bytes) -> ShapePredictor:
    """As `read_predictor`, of the bytes of a file."""
    if network := NETWORK.match(data):
        name = network[1].decode().rstrip("_")
        raise WeightError(f"it is a neural network of dlib ({name}), not a shape predictor; pass a shape predictor")
    reader = _Reader(data)
    if not data.startswith(HEAD):
        raise WeightError("it is not a shape predictor of dlib; pass another file")
    _, rows, columns = reader.integers(3).tolist()
    if columns != -1 or not 0 < -rows <= 2 * MAX_LANDMARKS or rows % 2:
        raise WeightError("it is not a shape predictor of dlib; pass another file")
    landmarks = -rows // 2
    reader.floats(2 * landmarks)
    largest: list[int] = []  # index of a pixel, by cascade
    trees = splits = 0
    for _ in range(reader.length()):
        read = [_read_tree(reader, landmarks) for _ in range(reader.length())]
        trees, splits = trees + len(read), splits + sum(size for size, _ in read)
        largest.append(max((index for _, index in read), default=-1))
    pixels = _read_pixels(reader, largest, landmarks)
    return ShapePredictor(landmarks, len(largest), trees, splits, pixels, reader.left)


def _read_tree(reader: _Reader, landmarks: int) -> tuple[int, int]:
    """The number of splits of a tree, and its largest index of a pixel; -1 where it has none."""
    splits = reader.length(least=4)
    starts = reader.starts(4 * splits).reshape(splits, 4)
    indices = reader.values(starts[:, :2])
    reader.check_floats(starts[:, 2], starts[:, 3])
    if (indices < 0).any():
        raise _damage("a split has a negative index")
    if reader.length() != splits + 1:
        raise _damage("a tree has not one leaf more than splits")
    leaves = reader.starts((splits + 1) * (2 + 4 * landmarks)).reshape(splits + 1, -1)
    if (reader.values(leaves[:, :2]) != (-2 * landmarks, -1)).any():
        raise _damage("a leaf has another shape than the landmarks")
    reader.check_floats(leaves[:, 2::2], leaves[:, 3::2])
    return splits, int(indices.max(initial=-1))


def _read_pixels(reader: _Reader, largest: list[int], landmarks: int) -> int:
    """Read the anchors and the offsets of the pixels of every cascade; the number of the most."""
    counts: list[int] = []
    if reader.length() != len(largest):
        raise _damage("its anchors are of another number of cascades")
    for index in largest:
        counts.append(reader.length())
        anchors = reader.integers(counts[-1])
        if ((anchors < 0) | (anchors >= landmarks)).any():
            raise _damage("a pixel is anchored to a landmark that is not there")
        if index >= counts[-1]:
            raise _damage("a split compares a pixel that is not there")
    if reader.length() != len(largest):
        raise _damage("its offsets are of another number of cascades")
    for count in counts:
        if reader.length() != count:
            raise _damage("its pixels have another number of offsets than of anchors")
        reader.floats(2 * count)
    return max(counts, default=0)


class _Reader:
    """The integers in the bytes of a file, one after another."""

    def __init__(self, data: bytes) -> None:
        self.data = np.frombuffer(data + bytes(MAX_STEP), np.uint8)  # so that every integer has 8 bytes behind it
        self.is_start = np.zeros(len(self.data) + MAX_STEP, bool)
        self.at, self.end, self.walked = 0, len(data), 0  # the integers before `walked` are known; one starts there

    @property
    def left(self) -> int:
        """The bytes that are not read."""
        return self.end - self.at

    def starts(self, count: int) -> Integers:
        """Where the next integers start [count]."""
        self._walk_to(self.at + MAX_STEP * count + 1)
        window = self.is_start[self.at : self.at + MAX_STEP * count + 1]
        found = np.flatnonzero(window)[: count + 1] + self.at
        if len(found) <= count or found[-1] > self.end:
            raise WeightError("it ends too early; download it again")
        self.at = int(found[-1])
        return found[:-1]

    def _walk_to(self, end: int) -> None:
        """Find the integers before `end`, in segments, so that a file which is none is refused at its beginning."""
        while self.walked < min(end, len(self.data)):
            found = find_integers(self.data[self.walked : self.walked + SEGMENT])
            self.is_start[self.walked : self.walked + len(found)] |= found
            self.walked += int(np.flatnonzero(found)[-1])

    def integers(self, count: int) -> Integers:
        """The next integers [count]."""
        return self.values(self.starts(count))

    def floats(self, count: int) -> None:
        """Read the next `count` floats, and see that they are numbers."""
        starts = self.starts(2 * count)
        self.check_floats(starts[::2], starts[1::2])

    def length(self, least: int = 1) -> int:
        """The next integer as the length of a vector, each of whose items has `least` integers or more."""
        length = int(self.integers(1)[0])
        if not 0 <= length <= self.left // (2 * least):
            raise _damage("a list in it is longer than the file")
        return length

    def values(self, starts: Integers) -> Integers:
        """The integers that start there."""
        control = self._control_bytes(starts)
        counts, magnitudes = control & 15, np.zeros(starts.shape, np.uint64)
        for i in range(int(counts.max(initial=0))):
            magnitudes |= np.where(counts > i, self.data[starts + 1 + i], 0).astype(np.uint64) << np.uint64(8 * i)
        if (magnitudes >> np.uint64(62)).any():
            raise _damage("an integer in it is larger than any that dlib writes")
        signed = magnitudes.astype(np.int64)
        return np.where(control & 0x80, -signed, signed)

    def check_floats(self, mantissas: Integers, exponents: Integers) -> None:
        """Raise WeightError unless all m * 2^e that start there are numbers of at most MAX_VALUE_BITS.

        Infinity and NaN have exponents from 32000. Of mantissas only the size is read.
        """
        bits = 8 * (self._control_bytes(mantissas) & 15).astype(np.int64) + self.values(exponents)
        if (bits > MAX_VALUE_BITS).any():
            raise _damage("a number in it is infinite, NaN or beyond any picture")

    def _control_bytes(self, starts: Integers) -> npt.NDArray[np.uint8]:
        control = self.data[starts]
        if (STEPS[control] == INVALID_STEP).any():
            raise _damage("an integer in it is none")
        return control


def _damage(reason: str) -> WeightError:
    return WeightError(f"it is damaged, because {reason}; download it again")
