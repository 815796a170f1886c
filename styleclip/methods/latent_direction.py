"""Directions in W, W+ or S that fit any face: published ones, those of SeFa, GANSpace and InterFaceGAN."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.directions.records import UnitOf
from styleclip.errors import SpaceError, UsageError, WeightError
from styleclip.latents import Direction, Latent, Space, repeat_last_row
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.prompts import Prompt
from styleclip.settings import Strength
from styleclip.text.parsing import format_layers


@dataclass(frozen=True, eq=False)
class LatentDirection(Direction):
    """A direction with its name, unit and range; one for all faces: `latent + alpha * direction`.

    `load_direction` reads it from a file; SeFa, GANSpace and a linear boundary make it.

    Args:
        space: W, W+ or S.
        data: the step at alpha 1: [1, w_dim] in W, [1, num_ws, w_dim] in W+, [1, C] in S.
        name: in the library, in messages and in records.
        alpha: its strength in an edit, as a multiple of the step; negative reverses.
        unit: the alpha that changes the identity of samples by a fixed amount (`calibrate`); None where not measured.
        unit_of: the features that the unit was measured by; those of CLIP where there is no face-recognition network.
        range: the lowest and highest useful alpha; None where they are not known.
        center: [w_dim], of an absolute direction, which moves every w to the coordinate alpha along `data`, counted
            from here: the mean of GANSpace, or a point of a boundary.
        layers: the rows of W+ that move, e.g. "4-7", for the record; "" for all.
        generator: fingerprint of the generator it belongs to; None where it is not known.
        prompt: the text that it was found for, by which an edit is scored; None for those without.
        licence: the terms of its file.
        origin: where it comes from, for the record; JSON values.

    Example:
        smile = styleclip.load_direction("smile", models)
        image = models.render(editor.sample(seed=3) + 2 * smile)
    """

    name: str = "direction"
    alpha: float = 1.0
    unit: float | None = None
    unit_of: UnitOf = "identity"
    range: tuple[float, float] | None = None
    center: Tensor | None = None
    layers: str = ""
    generator: str | None = None
    prompt: Prompt | None = None
    licence: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.space is Space.Z:
            raise SpaceError("a direction in z moves no photo and no latent in w; pass one in w, w+ or s")
        if len(self.data) != 1:
            raise SpaceError(f"a direction for any face has one row, not {len(self.data)}; pass one of them")
        if self.center is not None and self.space is Space.S:
            raise SpaceError("an absolute direction lies in w or w+, not in s; leave its center out")

    @property
    def label(self) -> str:
        """Its name, behind that of a file or pack with another name: `axes:6`."""
        file = Path(self.origin.get("file", "")).stem
        return f"{file}:{self.name}" if file not in ("", self.name) else self.name

    def at(self, alpha: float) -> LatentDirection:
        """This direction at another strength. Raises UsageError for NaN and infinity."""
        if not math.isfinite(alpha):
            raise UsageError(f"alpha is {alpha}; it must be a finite number")
        return replace(self, alpha=alpha)

    def settings(self, models: Models) -> dict[str, Any]:
        """For the record of an edit: what it is and its strength."""
        told = {"name": self.name, "space": self.space.value, "layers": self.layers, "alpha": self.alpha}
        return {**told, "absolute": self.center is not None, **unit_settings(self.alpha, self.unit, self.unit_of)}

    def with_layers(self, layers: Sequence[int], num_ws: int) -> LatentDirection:
        """This direction on these rows of W+ only, 0 elsewhere. Raises UsageError for rows that are not there."""
        if not layers or not all(0 <= row < num_ws for row in layers):
            missing = format_layers([row for row in layers if not 0 <= row < num_ws]) or "none"
            raise UsageError(
                f"layers {missing} are not among 0-{num_ws - 1}, which this generator has; pass some of them"
            )
        if self.space is Space.S:
            raise UsageError("layers choose rows of W+, and this direction is in s; leave them out")
        rows = self.data[:, None].expand(-1, num_ws, -1) if self.space is Space.W else self.data
        kept = torch.zeros_like(rows)
        kept[:, list(layers)] = rows[:, list(layers)]
        return replace(self, space=Space.W_PLUS, data=kept, layers=format_layers(layers))

    def grow(self, generator: Generator) -> LatentDirection:
        """This direction for a generator that was grown from its own: W+ repeats the last row, new channels of S stay.

        A direction of another shape is returned as it is.
        """
        if generator.grown_from is None:
            return self
        rows, shape = generator.grown_from.num_ws, self.data.shape
        if self.space is Space.W_PLUS and shape[1] == rows:
            return replace(self, data=repeat_last_row(self.data, generator.num_ws))
        return replace(self, data=generator.add_style_channels(self.data)) if self.space is Space.S else self

    def check_fits(self, models: Models, name: str | None = None) -> None:
        """Raise WeightError for a direction of another generator, by its fingerprint or its shape.

        The message calls it by `name`, else by its label.
        """
        name = name or self.label
        known = self.generator, models.generator_fingerprint
        if None not in known and not models.accepts_w(self.generator):
            raise WeightError(f"{name} was made for another generator; pass that one with --model")
        generator = models.generator
        shapes = {
            Space.W: [1, generator.config.w_dim],
            Space.W_PLUS: [1, generator.num_ws, generator.config.w_dim],
            Space.S: [1, generator.layout.size],
        }
        if list(self.data.shape) != shapes[self.space]:
            raise WeightError(
                f"{name} has shape {list(self.data.shape)} in {self.space.value}, and this generator "
                f"{shapes[self.space]}; pass the generator that it was made for with --model"
            )

    @torch.no_grad()
    def step(self, models: Models) -> Direction:
        """[1, C] in S: the step at alpha 1, the same for every face, since the affine layers are linear."""
        self.check_fits(models)
        return Direction(Space.S, _to_style_step(models, Direction(self.space, self.data)))

    @torch.no_grad()
    def offset(self, models: Models, source: Latent) -> Direction | None:
        """[N, C] in S, of an absolute direction: what is added to every latent of `source` besides `alpha * step`.

        It takes the latents to coordinate 0, `-coordinate(w) * d` for each row of W+ by itself, with
        `coordinate(w) = (w - center) . d / |d|^2`. None for a relative direction. Raises SpaceError for a source in S.
        """
        if self.center is None:
            return None
        if source.space is Space.S:
            raise SpaceError(f"{self.label} is absolute and needs the w of a face, not its styles; pass them in w+")
        rows = models.generator.to_space(source.to(models.device), Space.W_PLUS).data  # [N, num_ws, w_dim]
        step = self.data.to(rows)
        step = step[:, None] if self.space is Space.W else step
        length = step.square().sum(dim=-1, keepdim=True)
        coordinate = ((rows - self.center.to(rows)) * step).sum(dim=-1, keepdim=True) / length.clamp_min(1e-30)
        return Direction(Space.S, _to_style_step(models, Direction(Space.W_PLUS, -coordinate * step)))


def _to_style_step(models: Models, direction: Direction) -> Tensor:
    """[N, C]: the change of S for a change in W or W+, without the biases of the affine layers."""
    if direction.space is Space.S:
        return direction.data.to(models.device, models.generator.w_avg.dtype)
    generator = models.generator
    moved = Latent(direction.space, direction.data.to(generator.w_avg))
    zero = Latent(direction.space, torch.zeros_like(moved.data))
    return (generator.to_space(moved, Space.S) - generator.to_space(zero, Space.S)).data


def unit_settings(alpha: Strength, unit: float | None, unit_of: UnitOf) -> dict[str, Any]:
    """The unit and the calibrated strength `alpha / unit`, for the record of an edit; {} without a unit."""
    if unit is None:
        return {}
    return {"unit": unit, "unit_of": unit_of, "strength": alpha if alpha == "auto" else float(f"{alpha / unit:.6g}")}
