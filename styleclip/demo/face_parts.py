"""Painting the parts of a face: skin marks, beard, nose, eyes, mouth."""

from __future__ import annotations

import torch
from torch import Tensor

from styleclip.demo.appearance import Appearance
from styleclip.demo.supersampling import Surface, arc, blob, ellipse, ramp, rgb

FRECKLES = ((0.17, 0.235), (0.25, 0.20), (0.33, 0.24), (0.21, 0.31), (0.295, 0.305), (0.375, 0.32))


def paint_skin_marks(surface: Surface, face: Appearance) -> None:
    """Blush, freckles and the lines of age."""
    for sign in (-1, 1):
        part = surface.side(sign, 0.0, 0.66, 0.05, 0.66)
        x, y = sign * (part.x - face.feature_x), part.y
        blush = blob(x - 0.32, y - 0.28, 0.14, 0.11) * (0.22 + 0.25 * face.makeup + 0.12 * face.smile)
        part.blend(blush, face.skin * rgb(1.05, 0.60, 0.58))
        paint_freckles(part, face, x, y)
        fold = arc(y - 0.395, 0.235 + 0.25 * (y - 0.395) - x, 0.115, 0.04, 0.030)
        part.fill(fold, line_colour(face), 0.8 * face.old)
        bag = arc(x - face.eye_x, y - face.eye_y - 0.185 * face.eye_size, 0.13, -0.05, 0.028)
        part.fill(bag, line_colour(face), 0.75 * face.old)
    forehead = surface.region(-0.5, 0.5, -0.5, 0.0)
    for height, half_width in ((-0.31, 0.22), (-0.215, 0.27)):
        line = arc(forehead.x - 0.7 * face.feature_x, forehead.y - height, half_width, 0.03, 0.024)
        forehead.fill(line, line_colour(face), 0.8 * face.old)


def paint_freckles(part: Surface, face: Appearance, x: Tensor, y: Tensor) -> None:
    nearest = torch.stack([(x - right).square() + (y - down).square() for right, down in FRECKLES]).amin(dim=0).sqrt()
    part.fill(nearest - 0.029, face.skin * rgb(0.62, 0.40, 0.30), 0.9 * face.freckles)


def line_colour(face: Appearance) -> Tensor:
    return face.skin * rgb(0.62, 0.48, 0.42)


def paint_beard(surface: Surface, face: Appearance) -> None:
    """A full beard: the lower face and a rim around the jaw, up to the ears, open around the mouth."""
    part = surface.region(-0.75, 0.75, 0.05, 1)
    x, y = part.x, part.y
    side = (x / face.face_width).abs().clamp(max=1.2)
    top = face.face_y + 0.40 - 0.36 * side.pow(2.5)
    jaw = face.face_outline(x, y) - 0.06 * ramp(0.0, 0.3, y - face.face_y)
    open_y = face.mouth_y + 0.5 * (face.mouth_down - face.mouth_up)
    open_height = 0.075 + 0.5 * (face.mouth_up + face.mouth_down)
    mouth = ellipse(x - face.feature_x, y - open_y, face.mouth_width * 1.02, open_height)
    shape = torch.maximum(torch.maximum(jaw, top - y), -mouth)
    light = 1.06 - 0.35 * x.square() + 0.25 * face.light * x - 0.25 * ramp(-0.10, 0.02, shape)
    part.fill(shape, face.facial_hair * light.unsqueeze(1), face.beard)


def paint_nose(surface: Surface, face: Appearance) -> None:
    part = surface.region(-0.32, 0.32, -0.08, 0.45)
    x, y = part.x - 1.35 * face.feature_x, part.y - face.nose_y
    width = 0.085 + 0.017 * face.nose_width
    part.blend(0.40 * blob(x + 0.05 + 0.1 * face.light, y + 0.09, 0.045, 0.13), face.skin_shadow)
    part.blend(0.75 * ramp(0.03, -0.03, ellipse(x, y - 0.022, width * 1.08, 0.052)), face.skin_shadow * 0.85)
    part.blend(ramp(0.025, -0.02, ellipse(x, y + 0.008, width, 0.046)), face.skin * rgb(1.0, 0.92, 0.88))
    part.blend(0.45 * blob(x + 0.01, y + 0.025, 0.032, 0.03), 0.35 + 0.65 * face.skin)


def paint_eyes(surface: Surface, face: Appearance) -> None:
    for sign in (-1, 1):
        part = surface.side(sign, -0.02, 0.60, -0.36, 0.30)
        x, y = sign * (part.x - face.feature_x) - face.eye_x, part.y - face.eye_y
        radius_x = 0.140 * face.eye_size
        openness = 1 + 0.2 * face.surprise - 0.14 * face.angry - 0.1 * face.sad - 0.06 * face.smile
        radius_y = 0.115 * face.eye_size * openness
        part.blend(0.30 * ramp(0.08, -0.02, ellipse(x, y + 0.02, radius_x, radius_y)), face.skin_shadow)
        lid = torch.maximum(ellipse(x, y + 0.035, radius_x * 1.22, radius_y * 1.45), y - 0.02)
        part.fill(lid, rgb(0.78, 0.30, 0.95), 0.9 * face.makeup)
        paint_eyeball(part, face, sign, ellipse(x, y, radius_x, radius_y))
        rim = ellipse(x, y + 0.012, radius_x * 1.03, radius_y).abs()
        lash = torch.maximum(rim - 0.022 - 0.008 * face.makeup, y + 0.01)
        part.fill(lash, rgb(0.12, 0.07, 0.08), 0.92)
        paint_brow(part, face, x, y)


def paint_eyeball(part: Surface, face: Appearance, sign: int, shape: Tensor) -> None:
    """White, iris, pupil and glints, all inside the opening of the lids."""
    x, y = part.x - face.feature_x * 1.25 - sign * face.eye_x, part.y - face.eye_y
    radius = 0.088 * face.eye_size
    inside = (0.5 - shape / part.pixel).clamp(0, 1)
    part.blend(inside, rgb(1.0, 0.99, 0.98))
    iris = torch.maximum(ellipse(x, y, radius, radius), shape)
    part.fill(iris, face.iris * (0.95 + 4.0 * y).unsqueeze(1).clamp(0.6, 1.3))
    part.fill(torch.maximum(ellipse(x, y, radius * 0.46, radius * 0.46), shape), rgb(0.03, 0.03, 0.04))
    part.fill(ellipse(x + 0.03, y + 0.034, 0.029, 0.029), rgb(1, 1, 1), 0.95 * inside)


def paint_brow(part: Surface, face: Appearance, x: Tensor, y: Tensor) -> None:
    """x grows outwards. Sad brows rise, angry ones fall towards the nose."""
    height = -0.185 - 0.075 * face.surprise - 0.015 * face.sad + 0.035 * face.angry
    slant = 0.42 * face.sad - 0.55 * face.angry
    thickness = 0.033 + 0.009 * face.brow_thickness
    brow = arc(x, y - height - slant * x, 0.15, 0.045 * (1 - 0.7 * (face.sad + face.angry)), thickness)
    part.fill(brow, face.facial_hair * 0.75, 0.95)


def paint_mouth(surface: Surface, face: Appearance) -> None:
    """Lips around an opening that a smile bends and a surprise rounds."""
    part = surface.region(-0.48, 0.48, 0.22, 0.78)
    x, y = part.x - face.feature_x, part.y - face.mouth_y
    q = (x / face.mouth_width).clamp(-1.3, 1.3)
    round_ = (1 - q.square()).clamp(min=0).sqrt()
    middle = -face.mouth_curve * (q.square() - 0.45)
    top, bottom = middle - face.mouth_up * round_, middle + face.mouth_down * round_
    ends = (q.abs() - 1) * face.mouth_width
    above, below = face.lip * (0.35 + 0.65 * round_), face.lip * (0.35 + 0.95 * round_)
    lips = torch.maximum(torch.maximum(top - above - y, y - bottom - below), ends - 0.02)
    natural = face.skin * rgb(0.84, 0.50, 0.47)
    colour = torch.lerp(natural, rgb(0.86, 0.05, 0.16), face.makeup.unsqueeze(1))
    part.fill(lips - 0.012 * face.makeup, colour)
    opening = torch.maximum(torch.maximum(top - y, y - bottom), ends)
    opened = ramp(0.1, 0.6, face.smile + face.surprise)
    paint_mouth_inside(part, face, opening, y - top, y - bottom, opened)
    line = torch.maximum((y - middle).abs() - 0.021 - 0.006 * face.angry, ends)
    part.fill(line, colour * 0.42, 1 - opened)


def paint_mouth_inside(
    part: Surface, face: Appearance, opening: Tensor, below_top: Tensor, below_bottom: Tensor, opened: Tensor
) -> None:
    """Dark, with a tongue when surprised and with teeth, most of all in a smile."""
    part.fill(opening, rgb(0.30, 0.05, 0.08), opened)
    part.fill(torch.maximum(opening, -0.085 - below_bottom), rgb(0.88, 0.36, 0.40), opened * face.surprise)
    teeth = torch.maximum(opening, below_top - 0.10 * face.smile - 0.03)
    part.fill(teeth, rgb(1.0, 0.99, 0.97), opened * face.smile)


def paint_moustache(surface: Surface, face: Appearance) -> None:
    """Two strokes that meet under the nose and hang over the corners of the mouth."""
    part = surface.region(-0.46, 0.46, 0.18, 0.62)
    upper_lip = face.mouth_y + 0.35 * face.mouth_curve - face.mouth_up
    x, y = (part.x - face.feature_x).abs(), part.y - upper_lip + 0.085
    width = 0.24 + 0.024 * (face.mouth_width - 0.19)
    position = (x / width).clamp(max=1.2)
    middle = (0.11 - 0.6 * face.mouth_curve.clamp(min=0)) * position.square() - 0.01
    thickness = 0.058 * (1.05 - position.square()).clamp(min=0).sqrt() * (0.8 + 0.2 * ramp(0.0, 0.2, position))
    shape = torch.maximum((y - middle).abs() - thickness, x - width)
    part.fill(shape, face.facial_hair * (1.0 - 1.5 * (y - middle)).unsqueeze(1).clamp(0.85, 1.15), face.moustache)
