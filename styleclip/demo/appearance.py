"""The appearance of faces as colours [N, 3, 1, 1] and scalars [N, 1, 1], computed from their attributes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.demo.supersampling import ramp, rgb
from styleclip.demo.world import GEOMETRY, HAT_HUE, SKIN_TONE, Faces

HAIR = (
    (0.12, 0.10, 0.13), (0.42, 0.23, 0.11), (0.98, 0.82, 0.38), (0.88, 0.30, 0.08),
    (0.78, 0.79, 0.83), (0.16, 0.36, 0.90), (0.98, 0.45, 0.70),
)  # fmt: skip
IRIS = ((0.36, 0.18, 0.07), (0.12, 0.48, 0.98), (0.12, 0.66, 0.26))
SKIN = ((1.0, 0.87, 0.78), (0.99, 0.80, 0.66), (0.86, 0.62, 0.43), (0.64, 0.41, 0.27), (0.43, 0.27, 0.18))
BACKGROUND = ((0.55, 0.75, 0.95), (0.60, 0.84, 0.62), (0.98, 0.88, 0.52), (0.76, 0.64, 0.92), (0.76, 0.77, 0.78))
SHIRT = ((0.97, 0.97, 0.96), (0.88, 0.20, 0.20), (0.20, 0.38, 0.82), (0.15, 0.15, 0.18), (0.98, 0.76, 0.16))
BINARY = ("bald", "hat", "beard", "moustache", "makeup", "freckles", "earrings", "bangs")
BROWN = 1  # index of HAIR


@dataclass(frozen=True)
class Appearance:
    """Colours and scalars of N faces, as the painting functions take them."""

    hair: Tensor
    facial_hair: Tensor
    iris: Tensor
    skin: Tensor
    skin_shadow: Tensor
    background: Tensor
    shirt: Tensor
    hat_colour: Tensor
    scalars: dict[str, Tensor]  # [N, 1, 1] each; also reached as attributes

    def __getattr__(self, name: str) -> Tensor:
        try:
            return self.__dict__["scalars"][name]
        except KeyError:
            raise AttributeError(name) from None

    def face_outline(self, x: Tensor, y: Tensor) -> Tensor:
        """Signed distance [N, H, W] to the face: a superellipse whose lower half narrows to the jaw."""
        v = (y - self.face_y) / self.face_height
        half_width = self.face_width * (1 - (0.17 - 0.09 * self.jaw) * v.clamp(min=0))
        radius = ((x / half_width).abs() + 1e-4).pow(2.25) + (v.abs() + 1e-4).pow(2.25)
        return (radius.pow(1 / 2.25) - 1) * 0.55


def appearance_of(faces: Faces) -> Appearance:
    """Resolve attribute probabilities and geometry to colours and scalars."""
    values = faces.values
    skin, hair = skin_colour(values[SKIN_TONE]), mean_colour(values["hair_color"], HAIR)
    bald = as_column(values["bald"][:, 1]).unsqueeze(1)
    return Appearance(
        hair=hair,
        facial_hair=0.76 * torch.lerp(hair, rgb(*HAIR[BROWN]), 0.6 * bald),
        iris=mean_colour(values["eye_color"], IRIS),
        skin=skin,
        skin_shadow=skin * rgb(0.80, 0.66, 0.60),
        background=mean_colour(values["background"], BACKGROUND),
        shirt=mean_colour(values["shirt"], SHIRT),
        hat_colour=hue_colour(values[HAT_HUE]),
        scalars=strengths(values) | geometry(values),
    )


def strengths(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The strength of each state in [0, 1]; probabilities are sharpened, so that few things look half transparent."""
    table = {name: sharpen(values[name][:, 1]) for name in BINARY}
    table |= {"haired": 1 - table["bald"], "old": sharpen(values["age"][:, 1])}
    table |= {"long": as_column(values["hair_length"][:, 1]), "curly": as_column(values["hair_texture"][:, 1])}
    table |= {"glasses": sharpen(values["eyewear"][:, 1]), "sunglasses": sharpen(values["eyewear"][:, 2])}
    names = ("neutral", "smile", "surprise", "sad", "angry")
    return table | {name: as_column(p) for name, p in zip(names, values["expression"].T, strict=True)}


def geometry(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The geometry: the raw axes under their own names, and the positions and sizes derived from them."""
    raw = {name: as_column(values[name]) for name in GEOMETRY}
    neutral, smile, surprise, sad, angry = (as_column(p) for p in values["expression"].T)
    face_height = 0.63 + 0.042 * raw["face_height"]
    return raw | {
        "face_width": 0.54 + 0.05 * raw["face_width"],
        "face_height": face_height,
        "face_y": torch.full_like(face_height, 0.10),
        "light": 0.6 * raw["light"],
        "feature_x": 0.055 * raw["yaw"],
        "eye_x": 0.235 + 0.024 * raw["eye_spacing"],
        "eye_y": torch.full_like(face_height, 0.045),
        "eye_size": 1 + 0.14 * raw["eye_size"],
        "nose_y": 0.245 + 0.04 * raw["nose_length"],
        "mouth_y": 0.455 + 0.45 * (face_height - 0.63) - 0.02 * smile,
        "mouth_width": (0.19 + 0.024 * raw["mouth_width"]) * (1 + 0.42 * smile - 0.36 * surprise + 0.05 * sad),
        "mouth_curve": 0.035 * neutral + 0.13 * smile - 0.15 * sad - 0.05 * angry,
        "mouth_up": 0.115 * surprise,
        "mouth_down": 0.15 * surprise + 0.15 * smile,
        "lip": (0.041 + 0.011 * raw["lip"]) * (1 - 0.35 * angry),
    }


def sharpen(probability: Tensor) -> Tensor:
    """0 below 0.1, 1 above 0.9, smooth in between: [N] -> [N, 1, 1]."""
    return as_column(ramp(0.1, 0.9, probability))


def as_column(values: Tensor) -> Tensor:
    """[N] -> [N, 1, 1]"""
    return values.view(-1, 1, 1)


def mean_colour(probabilities: Tensor, palette: tuple[tuple[float, ...], ...]) -> Tensor:
    """Mean colour of a palette weighted by [N, states] probabilities: [N, 3, 1, 1]."""
    return (probabilities @ torch.tensor(palette)).view(-1, 3, 1, 1)


def skin_colour(tone: Tensor) -> Tensor:
    """Piecewise linear interpolation of SKIN, from light (tone -1.6) to dark (1.6)."""
    position = torch.sigmoid(1.6 * tone) * (len(SKIN) - 1)
    weights = (1 - (position[:, None] - torch.arange(len(SKIN))).abs()).clamp(min=0)
    return mean_colour(weights, SKIN)


def hue_colour(tone: Tensor) -> Tensor:
    """A saturated colour whose hue goes once around the circle for tones from -1.6 to 1.6."""
    angles = torch.pi / 1.6 * tone[:, None] + torch.tensor([0.0, -2.094, 2.094])
    return (0.55 + 0.36 * torch.cos(angles)).view(-1, 3, 1, 1)
