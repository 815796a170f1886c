"""Latents that know their space, directions between them, and the one place that knows the cuts of style space.

The ladder is walked downward: Z -mapping-> W -broadcast-> W+ -affine-> S -synthesis-> image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import overload

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from styleclip.errors import SpaceError
from styleclip.storage.files import atomic_write

TUNED = "tuned"  # of the metadata of latent files, and of the provenance of results


class Space(StrEnum):
    """The latent spaces of StyleGAN2 and StyleGAN3; style space S is that of StyleSpace (Wu et al. 2021)."""

    Z = "z"
    W = "w"
    W_PLUS = "w+"
    S = "s"

    @property
    def ndim(self) -> int:
        return 3 if self is Space.W_PLUS else 2


@dataclass(frozen=True)
class _Vector:
    """Data in a space: Z [N, z_dim], W [N, w_dim], W+ [N, num_ws, w_dim], S [N, C]."""

    space: Space
    data: Tensor

    def __post_init__(self) -> None:
        if self.data.ndim != self.space.ndim:
            raise SpaceError(
                f"a value in {self.space.value} has {self.space.ndim} axes, got shape {list(self.data.shape)}"
            )

    def __len__(self) -> int:
        return len(self.data)

    def check_space(self, other: _Vector) -> None:
        if other.space is not self.space:
            raise SpaceError(f"expected a value in {self.space.value}, got one in {other.space.value}")


@dataclass(frozen=True)
class Direction(_Vector):
    """An edit: `latent + alpha * direction`. A sum of two is one edit; W and W+ add up in W+."""

    def __mul__(self, alpha: float) -> Direction:
        return Direction(self.space, self.data * alpha)

    __rmul__ = __mul__

    def __neg__(self) -> Direction:
        return self * -1.0

    def __add__(self, other: Direction) -> Direction:
        if not isinstance(other, Direction):
            return NotImplemented
        space, mine, others = _in_one_space(self, other)
        return Direction(space, mine + others)


@dataclass(frozen=True)
class Latent(_Vector):
    """A batch of latents. `latent[3:5]` is a batch again; `latent + alpha * direction` is the edited batch.

    A direction in W moves all w of a latent in W+ alike; a latent in W moved in W+ is one in W+. The sum has the
    precision and the device of the latent.
    """

    def __add__(self, direction: Direction) -> Latent:
        if not isinstance(direction, Direction):
            return NotImplemented
        space, data, step = _in_one_space(self, direction)
        return Latent(space, data + step.to(data))

    @overload
    def __sub__(self, other: Latent) -> Direction: ...

    @overload
    def __sub__(self, other: Direction) -> Latent: ...

    def __sub__(self, other: Latent | Direction) -> Direction | Latent:
        if isinstance(other, Direction):
            return self + -other
        self.check_space(other)
        return Direction(self.space, self.data - other.data)

    def __getitem__(self, index: int | slice | Tensor) -> Latent:
        if isinstance(index, int):
            row = range(len(self))[index]  # IndexError past the end, which also ends an iteration
            index = slice(row, row + 1)
        return Latent(self.space, self.data[index])

    def to(self, device: torch.device | str) -> Latent:
        return Latent(self.space, self.data.to(device))

    def detach(self) -> Latent:
        return Latent(self.space, self.data.detach())

    @staticmethod
    def cat(latents: Sequence[Latent]) -> Latent:
        """One batch from several, all in the same space."""
        for latent in latents:
            latents[0].check_space(latent)
        return Latent(latents[0].space, torch.cat([latent.data for latent in latents]))

    @staticmethod
    def load(path: Path | str) -> Latent:
        """Read a latent from a safetensors file: one tensor, named by its space (`z`, `w`, `w+` or `s`).

        Raises SpaceError when the file holds something else.
        """
        try:
            if not Path(path).is_file():  # a device has no end
                raise FileNotFoundError("there is no such file")
            tensors = safetensors.torch.load(Path(path).read_bytes())  # not mapped: the file may change
        except Exception as error:
            remedy = "pass one that styleclip saved, or read it by load_latents"
            raise SpaceError(f"{path} is not a latent file ({error}); {remedy}") from error
        names = [space.value for space in Space if space.value in tensors]
        if len(names) != 1:
            raise SpaceError(f"{path} holds {', '.join(tensors) or 'nothing'}, not one latent named z, w, w+ or s")
        return Latent(Space(names[0]), tensors[names[0]])


def _in_one_space(one: _Vector, other: _Vector) -> tuple[Space, Tensor, Tensor]:
    """The data of two values of one space; of one in W and one in W+, both with the axes [N, num_ws, w_dim] of W+."""
    if {one.space, other.space} == {Space.W, Space.W_PLUS}:
        mine, others = (each.data[:, None] if each.space is Space.W else each.data for each in (one, other))
        return Space.W_PLUS, mine, others
    one.check_space(other)
    return one.space, one.data, other.data


def repeat_last_row(rows: Tensor, num_ws: int) -> Tensor:
    """W+ [N, K, w_dim] of a smaller generator -> [N, num_ws, w_dim] of one grown from it: the last row is repeated."""
    return torch.cat([rows, rows[:, -1:].expand(-1, num_ws - rows.shape[1], -1)], dim=1)


@dataclass(frozen=True)
class StyleEntry:
    """The styles of one layer: where they come from in W+ and where they lie in S."""

    name: str  # "b64.conv0", "b64.conv1", "b64.torgb"; of StyleGAN3 "input", "L0_36_512"
    resolution: int
    channels: int
    ws_index: int
    start: int
    is_torgb: bool = False

    @property
    def span(self) -> slice:
        return slice(self.start, self.start + self.channels)


@dataclass(frozen=True)
class StyleLayout:
    """How the flat style vector S [N, C] is cut into layers, in execution order.

    A generator builds it from its own channels: 26 entries and C = 9088 at 1024 px (config-f), of which 6048
    belong to convolutions and 3040 to toRGB.
    """

    entries: tuple[StyleEntry, ...]

    @staticmethod
    def from_channels(channels: dict[int, int]) -> StyleLayout:
        """The layout of a skip generator whose block at each resolution has this many channels."""
        entries: list[StyleEntry] = []
        before, ws_index = 0, 0
        for resolution, width in channels.items():
            layers = [("conv1", width), ("torgb", width)]
            if before:
                layers.insert(0, ("conv0", before))
            for offset, (layer, count) in enumerate(layers):
                start = entries[-1].span.stop if entries else 0
                name = f"b{resolution}.{layer}"
                entries.append(StyleEntry(name, resolution, count, ws_index + offset, start, layer == "torgb"))
            before, ws_index = width, ws_index + len(layers) - 1
        return StyleLayout(tuple(entries))

    @property
    def size(self) -> int:
        """C, the number of style channels."""
        return self.entries[-1].span.stop

    @property
    def num_ws(self) -> int:
        """The number of w vectors in W+."""
        return self.entries[-1].ws_index + 1

    def size_of_rows(self, num_ws: int) -> int:
        """The number of style channels of the blocks that the first `num_ws` rows of W+ make a whole generator of."""
        return next(entry.span.stop for entry in self.entries if entry.is_torgb and entry.ws_index == num_ws - 1)

    def split(self, styles: Tensor) -> dict[str, Tensor]:
        """S [N, C] -> the styles [N, C_i] of every layer, by name."""
        if styles.shape[-1] != self.size:
            raise SpaceError(f"this generator has {self.size} style channels, got {styles.shape[-1]}")
        return {entry.name: styles[:, entry.span] for entry in self.entries}

    def torgb_mask(self) -> Tensor:
        """[C] bool: true for the channels of toRGB layers, which the published edits leave alone."""
        return torch.cat([torch.full((entry.channels,), entry.is_torgb) for entry in self.entries])


def save_latent(latent: Latent, path: Path, tuned: str | None = None) -> Path:
    """Write what `Latent.load` reads: one tensor, named by its space.

    `tuned` is the hash of the tuning of the generator that draws it, where it is not the untouched one.
    """
    data = latent.data.detach().cpu().contiguous()
    metadata = {TUNED: tuned} if tuned else None
    return atomic_write(path, safetensors.torch.save({latent.space.value: data}, metadata))


def tuning_hash(path: Path) -> str | None:
    """The hash of the tuning that a file of latents names; None for all other files."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get(TUNED)
    except (OSError, safetensors.SafetensorError):
        return None
