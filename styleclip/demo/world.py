"""The demo world: faces with named attributes, a function of a normal latent z [N, 64].

The entries of u = z / rms(z) @ Q are about independent N(0, 1). Each attribute and each geometry axis reads its own
entries of u, so all of them are independent. `render.render` paints the faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

Z_DIM = 64
CLEAR = 0.8  # an attribute is labelled where one state is at least this probable


@dataclass(frozen=True)
class Attribute:
    """A property with a few named states."""

    name: str
    states: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """One entry of u per state: probabilities are softmax(sharpness (u + bias))."""

    bias: tuple[float, ...]
    sharpness: float = 14.0

    @property
    def width(self) -> int:
        return len(self.bias)

    def probabilities(self, u: Tensor) -> Tensor:
        return torch.softmax(self.sharpness * (u + u.new_tensor(self.bias)), dim=1)

    def choose(self, u: Tensor, state: int, margin: float = 0.4) -> Tensor:
        """Make `state` the largest by `margin`, swapping values with the former largest, so that |u| hardly changes."""
        score = u + u.new_tensor(self.bias)
        winner = score.argmax(dim=1, keepdim=True)
        chosen = u.scatter(1, winner, u[:, state : state + 1])
        others = torch.cat([chosen[:, :state], chosen[:, state + 1 :]], dim=1)
        bias = u.new_tensor(self.bias[:state] + self.bias[state + 1 :])
        needed = (others + bias).amax(dim=1) + margin - self.bias[state]
        chosen[:, state] = torch.maximum(needed, score.amax(dim=1) - self.bias[state])
        return chosen


@dataclass(frozen=True)
class Switch:
    """One entry of u: the probability of the second state is sigmoid(sharpness (u - threshold))."""

    threshold: float
    sharpness: float = 16.0
    width = 1

    def probabilities(self, u: Tensor) -> Tensor:
        on = torch.sigmoid(self.sharpness * (u - self.threshold))
        return torch.cat([1 - on, on], dim=1)

    def choose(self, u: Tensor, state: int) -> Tensor:
        beyond = (u - self.threshold) * (1 if state else -1)
        kept = torch.where(beyond >= 0.35, beyond, beyond.abs().clamp(0.35, 0.7))
        return self.threshold + kept * (1 if state else -1)


@dataclass(frozen=True)
class Scale:
    """One entry of u, a continuous tone, whose states are its lower, middle and upper range."""

    edge: float = 0.5
    sharpness: float = 16.0
    width = 1

    def probabilities(self, u: Tensor) -> Tensor:
        above, below = (torch.sigmoid(self.sharpness * (sign * u - self.edge)) for sign in (1, -1))
        return torch.cat([below, (1 - above - below).clamp(min=0), above], dim=1)

    def choose(self, u: Tensor, state: int) -> Tensor:
        return (u * 0.1) if state == 1 else u.abs().clamp(1.0, 2.0) * (state - 1)


SWITCH = ("no", "yes")
SOURCES: dict[Attribute, Choice | Switch | Scale] = {
    Attribute("hair_color", ("black", "brown", "blonde", "red", "grey", "blue", "pink")): Choice(
        (0.15, 0.2, 0.0, 0.0, 0.0, -0.05, -0.05)
    ),
    Attribute("hair_length", ("short", "long")): Switch(0.05),
    Attribute("hair_texture", ("straight", "curly")): Switch(0.2),
    Attribute("bangs", SWITCH): Switch(0.3),
    Attribute("bald", SWITCH): Switch(1.28, sharpness=18.0),
    Attribute("hat", SWITCH): Switch(0.77, sharpness=18.0),
    Attribute("eyewear", ("none", "glasses", "sunglasses")): Choice((0.5, -0.1, -0.4)),
    Attribute("eye_color", ("brown", "blue", "green")): Choice((0.1, 0.0, -0.05)),
    Attribute("expression", ("neutral", "smiling", "surprised", "sad", "angry")): Choice((0.1, 0.2, 0.0, 0.0, 0.0)),
    Attribute("beard", SWITCH): Switch(0.67),
    Attribute("moustache", SWITCH): Switch(0.67),
    Attribute("makeup", SWITCH): Switch(0.52),
    Attribute("freckles", SWITCH): Switch(0.52),
    Attribute("age", ("young", "old")): Switch(0.52),
    Attribute("skin", ("light", "medium", "dark")): Scale(),
    Attribute("earrings", SWITCH): Switch(0.52),
    Attribute("background", ("blue", "green", "yellow", "purple", "grey")): Choice((0.0,) * 5),
    Attribute("shirt", ("white", "red", "blue", "black", "yellow")): Choice((0.0,) * 5),
}
ATTRIBUTES: tuple[Attribute, ...] = tuple(SOURCES)
GEOMETRY = (
    "face_width", "face_height", "jaw", "eye_spacing", "eye_size", "nose_length", "nose_width", "mouth_width", "lip",
    "brow_thickness", "ear", "hair_volume", "yaw", "light",
)  # fmt: skip
HAT_HUE, SKIN_TONE = "hat_hue", "skin_tone"
PERSON = (*GEOMETRY[:-2], SKIN_TONE)  # the axes that identify a person: without yaw and light
AXIS_COUNT = sum(source.width for source in SOURCES.values()) + 1 + len(GEOMETRY)  # 55 of the 64


@dataclass(frozen=True)
class Faces:
    """A batch of N faces."""

    values: dict[str, Tensor]  # attribute -> [N, states] probabilities; geometry or tone -> [N] in [-1.6, 1.6]
    labels: dict[str, Tensor]  # attribute -> int64 [N]; -1 where no state is clear or it is hidden
    identity: Tensor  # [N, 13] the axes of PERSON, about unit variance
    parameters: Tensor  # [N, 58] all of `values`; an attribute with two states has one column

    def __len__(self) -> int:
        return len(self.parameters)

    def __getitem__(self, rows: slice | Tensor) -> Faces:
        values, labels = ({k: v[rows] for k, v in table.items()} for table in (self.values, self.labels))
        return Faces(values, labels, self.identity[rows], self.parameters[rows])


def faces(z: Tensor) -> Faces:
    """The faces of z [N, 64]."""
    u = normalize_z(z.float()) @ axes().to(z.device)  # [N, 55]
    values = {a.name: source.probabilities(u[:, columns_of(a.name)]) for a, source in SOURCES.items()}
    measures = {name: soft_limit(u[:, columns_of(name)][:, 0]) for name in (HAT_HUE, *GEOMETRY)}
    measures[SKIN_TONE] = soft_limit(u[:, columns_of("skin")][:, 0])
    identity = torch.stack([measures[name] for name in PERSON], dim=1) / SOFT_LIMIT_STD
    return Faces(values | measures, visible_labels(values), identity, parameter_matrix(values, measures))


def with_state(z: Tensor, attribute: str, state: str) -> Tensor:
    """z [N, 64] changed so that `attribute` clearly has `state` and all else stays; |z|^2 is 64.

    The change of length is compensated in the directions that no attribute reads, as far as they suffice.
    """
    kind = next(a for a in ATTRIBUTES if a.name == attribute)
    basis = orthogonal_basis().to(z.device)
    used, spare = (normalize_z(z.float()) @ basis).split([AXIS_COUNT, Z_DIM - AXIS_COUNT], dim=1)
    used = used.clone()
    columns = columns_of(attribute)
    used[:, columns] = SOURCES[kind].choose(used[:, columns], kind.states.index(state))
    room = (Z_DIM - used.square().sum(dim=1, keepdim=True)).clamp(min=0)
    spare = spare * (room / spare.square().sum(dim=1, keepdim=True).clamp(min=1e-8)).sqrt()
    return normalize_z(torch.cat([used, spare], dim=1) @ basis.T)


def axes() -> Tensor:
    """The columns [64, 55] of Q that attributes, hat hue and geometry read, in this order."""
    return orthogonal_basis()[:, :AXIS_COUNT]


@cache
def orthogonal_basis() -> Tensor:
    """Q [64, 64], the same in every process."""
    generator = torch.Generator().manual_seed(7)
    return torch.linalg.qr(torch.randn(Z_DIM, Z_DIM, generator=generator))[0]


@cache
def columns_of(name: str) -> slice:
    """The columns of `axes()` that an attribute or a geometry axis reads."""
    widths = {a.name: source.width for a, source in SOURCES.items()} | dict.fromkeys((HAT_HUE, *GEOMETRY), 1)
    start = sum(list(widths.values())[: list(widths).index(name)])
    return slice(start, start + widths[name])


def normalize_z(z: Tensor) -> Tensor:
    """z / rms(z), as StyleGAN's mapping network does it (PixelNorm)."""
    return z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)


SOFT_LIMIT_STD = 0.776  # standard deviation of soft_limit(u) for u of N(0, 1)


def soft_limit(u: Tensor) -> Tensor:
    """u, smoothly limited to [-1.6, 1.6]."""
    return 1.6 * torch.tanh(u / 1.6)


def parameter_matrix(values: dict[str, Tensor], measures: dict[str, Tensor]) -> Tensor:
    """All values as one matrix [N, 58], in the order of `values`; of two states only the second has a column."""
    blocks = [p[:, 1:] if p.shape[1] == 2 else p for p in values.values()]
    return torch.cat([*blocks, torch.stack(list(measures.values()), dim=1)], dim=1)


def people_with(parameters: Tensor) -> Faces:
    """The inverse of `parameter_matrix`: the faces of [N, 58]."""
    values: dict[str, Tensor] = {}
    widths = [1 if len(a.states) == 2 else len(a.states) for a in ATTRIBUTES]
    *blocks, rest = parameters.split([*widths, parameters.shape[1] - sum(widths)], dim=1)
    for attribute, block in zip(ATTRIBUTES, blocks, strict=True):
        block = block.clamp(0, 1)
        block = torch.cat([1 - block, block], dim=1) if len(attribute.states) == 2 else block
        values[attribute.name] = block / block.sum(dim=1, keepdim=True).clamp(min=1e-3)
    measures = dict(zip((HAT_HUE, *GEOMETRY, SKIN_TONE), rest.unbind(dim=1), strict=True))
    identity = torch.stack([measures[name] for name in PERSON], dim=1) / SOFT_LIMIT_STD
    return Faces(values | measures, visible_labels(values), identity, parameter_matrix(values, measures))


def visible_labels(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The clear state of each attribute, -1 where no state is clear or another attribute hides it."""
    labels = {}
    for name, probabilities in values.items():
        largest, state = probabilities.max(dim=1)
        shown = largest >= CLEAR
        for hider, hiding in HIDDEN_BY.get(name, ()):
            shown &= values[hider][:, hiding] <= 1 - CLEAR
        labels[name] = torch.where(shown, state, -1)
    return labels


_BALD, _HAT, _SUNGLASSES = ("bald", 1), ("hat", 1), ("eyewear", 2)
HIDDEN_BY: dict[str, tuple[tuple[str, int], ...]] = {  # attribute -> the (attribute, state) that hide it
    "hair_color": (_BALD,),
    "hair_length": (_BALD,),
    "hair_texture": (_BALD,),
    "bangs": (_BALD, _HAT),
    "eye_color": (_SUNGLASSES,),
}
