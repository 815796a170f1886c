"""Painting what lies on the face: marks, beard, nose, eyes, mouth."""

from __future__ import annotations

import torch
from torch import Tensor

from styleclip.demo.appearance import Look
from styleclip.demo.canvas import Canvas, arc, blob, ellipse, ramp, rgb

FRECKLES = ((0.17, 0.235), (0.25, 0.20), (0.33, 0.24), (0.21, 0.31), (0.295, 0.305), (0.375, 0.32))


def paint_skin_marks(canvas: Canvas, look: Look) -> None:
    """Blush, freckles and the lines of age."""
    for sign in (-1, 1):
        part = canvas.side(sign, 0.0, 0.66, 0.05, 0.66)
        x, y = sign * (part.x - look.feature_x), part.y
        blush = blob(x - 0.32, y - 0.28, 0.14, 0.11) * (0.22 + 0.25 * look.makeup + 0.12 * look.smile)
        part.blend(blush, look.skin * rgb(1.05, 0.60, 0.58))
        paint_freckles(part, look, x, y)
        fold = arc(y - 0.395, 0.235 + 0.25 * (y - 0.395) - x, 0.115, 0.04, 0.030)
        part.fill(fold, line_colour(look), 0.8 * look.old)
        bag = arc(x - look.eye_x, y - look.eye_y - 0.185 * look.eye_size, 0.13, -0.05, 0.028)
        part.fill(bag, line_colour(look), 0.75 * look.old)
    forehead = canvas.region(-0.5, 0.5, -0.5, 0.0)
    for height, half_width in ((-0.31, 0.22), (-0.215, 0.27)):
        line = arc(forehead.x - 0.7 * look.feature_x, forehead.y - height, half_width, 0.03, 0.024)
        forehead.fill(line, line_colour(look), 0.8 * look.old)


def paint_freckles(part: Canvas, look: Look, x: Tensor, y: Tensor) -> None:
    nearest = torch.stack([(x - right).square() + (y - down).square() for right, down in FRECKLES]).amin(dim=0).sqrt()
    part.fill(nearest - 0.029, look.skin * rgb(0.62, 0.40, 0.30), 0.9 * look.freckles)


def line_colour(look: Look) -> Tensor:
    return look.skin * rgb(0.62, 0.48, 0.42)


def paint_beard(canvas: Canvas, look: Look) -> None:
    """A full beard: the lower face and a rim around the jaw, up to the ears, open around the mouth."""
    part = canvas.region(-0.75, 0.75, 0.05, 1)
    x, y = part.x, part.y
    side = (x / look.face_width).abs().clamp(max=1.2)
    top = look.face_y + 0.40 - 0.36 * side.pow(2.5)
    jaw = look.face_outline(x, y) - 0.06 * ramp(0.0, 0.3, y - look.face_y)
    open_y = look.mouth_y + 0.5 * (look.mouth_down - look.mouth_up)
    open_height = 0.075 + 0.5 * (look.mouth_up + look.mouth_down)
    mouth = ellipse(x - look.feature_x, y - open_y, look.mouth_width * 1.02, open_height)
    shape = torch.maximum(torch.maximum(jaw, top - y), -mouth)
    light = 1.06 - 0.35 * x.square() + 0.25 * look.light * x - 0.25 * ramp(-0.10, 0.02, shape)
    part.fill(shape, look.facial_hair * light.unsqueeze(1), look.beard)


def paint_nose(canvas: Canvas, look: Look) -> None:
    part = canvas.region(-0.32, 0.32, -0.08, 0.45)
    x, y = part.x - 1.35 * look.feature_x, part.y - look.nose_y
    width = 0.085 + 0.017 * look.nose_width
    part.blend(0.40 * blob(x + 0.05 + 0.1 * look.light, y + 0.09, 0.045, 0.13), look.skin_shadow)
    part.blend(0.75 * ramp(0.03, -0.03, ellipse(x, y - 0.022, width * 1.08, 0.052)), look.skin_shadow * 0.85)
    part.blend(ramp(0.025, -0.02, ellipse(x, y + 0.008, width, 0.046)), look.skin * rgb(1.0, 0.92, 0.88))
    part.blend(0.45 * blob(x + 0.01, y + 0.025, 0.032, 0.03), 0.35 + 0.65 * look.skin)


def paint_eyes(canvas: Canvas, look: Look) -> None:
    for sign in (-1, 1):
        part = canvas.side(sign, -0.02, 0.60, -0.36, 0.30)
        x, y = sign * (part.x - look.feature_x) - look.eye_x, part.y - look.eye_y
        radius_x = 0.140 * look.eye_size
        openness = 1 + 0.2 * look.surprise - 0.14 * look.angry - 0.1 * look.sad - 0.06 * look.smile
        radius_y = 0.115 * look.eye_size * openness
        part.blend(0.30 * ramp(0.08, -0.02, ellipse(x, y + 0.02, radius_x, radius_y)), look.skin_shadow)
        lid = torch.maximum(ellipse(x, y + 0.035, radius_x * 1.22, radius_y * 1.45), y - 0.02)
        part.fill(lid, rgb(0.78, 0.30, 0.95), 0.9 * look.makeup)
        paint_eyeball(part, look, sign, ellipse(x, y, radius_x, radius_y))
        rim = ellipse(x, y + 0.012, radius_x * 1.03, radius_y).abs()
        lash = torch.maximum(rim - 0.022 - 0.008 * look.makeup, y + 0.01)
        part.fill(lash, rgb(0.12, 0.07, 0.08), 0.92)
        paint_brow(part, look, x, y)


def paint_eyeball(part: Canvas, look: Look, sign: int, shape: Tensor) -> None:
    """White, iris, pupil and glints, all inside the opening of the lids."""
    x, y = part.x - look.feature_x * 1.25 - sign * look.eye_x, part.y - look.eye_y
    radius = 0.088 * look.eye_size
    inside = (0.5 - shape / part.pixel).clamp(0, 1)
    part.blend(inside, rgb(1.0, 0.99, 0.98))
    iris = torch.maximum(ellipse(x, y, radius, radius), shape)
    part.fill(iris, look.iris * (0.95 + 4.0 * y).unsqueeze(1).clamp(0.6, 1.3))
    part.fill(torch.maximum(ellipse(x, y, radius * 0.46, radius * 0.46), shape), rgb(0.03, 0.03, 0.04))
    part.fill(ellipse(x + 0.03, y + 0.034, 0.029, 0.029), rgb(1, 1, 1), 0.95 * inside)


def paint_brow(part: Canvas, look: Look, x: Tensor, y: Tensor) -> None:
    """x grows outwards. Sad brows rise, angry ones fall towards the nose."""
    height = -0.185 - 0.075 * look.surprise - 0.015 * look.sad + 0.035 * look.angry
    slant = 0.42 * look.sad - 0.55 * look.angry
    thickness = 0.033 + 0.009 * look.brow_thickness
    brow = arc(x, y - height - slant * x, 0.15, 0.045 * (1 - 0.7 * (look.sad + look.angry)), thickness)
    part.fill(brow, look.facial_hair * 0.75, 0.95)


def paint_mouth(canvas: Canvas, look: Look) -> None:
    """Lips around an opening that a smile bends and a surprise rounds."""
    part = canvas.region(-0.48, 0.48, 0.22, 0.78)
    x, y = part.x - look.feature_x, part.y - look.mouth_y
    q = (x / look.mouth_width).clamp(-1.3, 1.3)
    round_ = (1 - q.square()).clamp(min=0).sqrt()
    middle = -look.mouth_curve * (q.square() - 0.45)
    top, bottom = middle - look.mouth_up * round_, middle + look.mouth_down * round_
    ends = (q.abs() - 1) * look.mouth_width
    above, below = look.lip * (0.35 + 0.65 * round_), look.lip * (0.35 + 0.95 * round_)
    lips = torch.maximum(torch.maximum(top - above - y, y - bottom - below), ends - 0.02)
    natural = look.skin * rgb(0.84, 0.50, 0.47)
    colour = torch.lerp(natural, rgb(0.86, 0.05, 0.16), look.makeup.unsqueeze(1))
    part.fill(lips - 0.012 * look.makeup, colour)
    opening = torch.maximum(torch.maximum(top - y, y - bottom), ends)
    opened = ramp(0.1, 0.6, look.smile + look.surprise)
    paint_mouth_inside(part, look, opening, y - top, y - bottom, opened)
    line = torch.maximum((y - middle).abs() - 0.021 - 0.006 * look.angry, ends)
    part.fill(line, colour * 0.42, 1 - opened)


def paint_mouth_inside(
    part: Canvas, look: Look, opening: Tensor, below_top: Tensor, below_bottom: Tensor, opened: Tensor
) -> None:
    """Dark, with a tongue when surprised and with teeth, most of all in a smile."""
    part.fill(opening, rgb(0.30, 0.05, 0.08), opened)
    part.fill(torch.maximum(opening, -0.085 - below_bottom), rgb(0.88, 0.36, 0.40), opened * look.surprise)
    teeth = torch.maximum(opening, below_top - 0.10 * look.smile - 0.03)
    part.fill(teeth, rgb(1.0, 0.99, 0.97), opened * look.smile)


def paint_moustache(canvas: Canvas, look: Look) -> None:
    """Two drops that meet under the nose and hang over the corners of the mouth."""
    part = canvas.region(-0.46, 0.46, 0.18, 0.62)
    upper_lip = look.mouth_y + 0.35 * look.mouth_curve - look.mouth_up
    x, y = (part.x - look.feature_x).abs(), part.y - upper_lip + 0.085
    width = 0.24 + 0.024 * (look.mouth_width - 0.19)
    position = (x / width).clamp(max=1.2)
    middle = (0.11 - 0.6 * look.mouth_curve.clamp(min=0)) * position.square() - 0.01
    thickness = 0.058 * (1.05 - position.square()).clamp(min=0).sqrt() * (0.8 + 0.2 * ramp(0.0, 0.2, position))
    shape = torch.maximum((y - middle).abs() - thickness, x - width)
    part.fill(shape, look.facial_hair * (1.0 - 1.5 * (y - middle)).unsqueeze(1).clamp(0.85, 1.15), look.moustache)
