"""Rendering the faces of `world`, back to front."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.demo.appearance import Appearance, appearance_of
from styleclip.demo.face_parts import (
    paint_beard,
    paint_eyes,
    paint_moustache,
    paint_mouth,
    paint_nose,
    paint_skin_marks,
)
from styleclip.demo.supersampling import Surface, blob, box, ellipse, ramp, rgb, smooth_union
from styleclip.demo.world import Faces

CHUNK = 8  # faces painted together; the images of more do not fit the processor's cache


@torch.no_grad()
def render(faces: Faces, resolution: int = 64, supersample: int = 2) -> Tensor:
    """Pictures [N, 3, resolution, resolution] in [-1, 1], painted on the CPU."""
    chunks = [faces[start : start + CHUNK] for start in range(0, len(faces), CHUNK)]
    return torch.cat([paint(chunk, resolution, supersample) for chunk in chunks])


def paint(faces: Faces, resolution: int, supersample: int) -> Tensor:
    face = appearance_of(faces)
    surface = Surface.blank(len(faces), resolution * supersample, pixel=2.0 / resolution)
    hair = hair_shape(surface, face)
    paint_background(surface, face)
    paint_back_hair(surface, face, hair)
    paint_body(surface, face)
    paint_ears(surface, face)
    paint_face(surface, face)
    paint_skin_marks(surface, face)
    paint_beard(surface, face)
    paint_nose(surface, face)
    paint_eyes(surface, face)
    paint_mouth(surface, face)
    paint_moustache(surface, face)
    paint_front_hair(surface, face, hair)
    paint_hat(surface, face)
    paint_earrings(surface, face)
    paint_eyewear(surface, face)
    return F.avg_pool2d(surface.image.clamp_(0, 1), supersample) * 2 - 1


@torch.no_grad()
def background_mask(faces: Faces, resolution: int = 64) -> Tensor:
    """[N, H, W] bool: the pixels in which `render` shows nothing but background.

    There the difference of the pictures on a black and on a grey background is all that the grey one has.
    """
    black = torch.zeros_like(faces.values["background"])
    grey = black + torch.eye(black.shape[1])[-1]
    on_black, on_grey = (replace(faces, values=faces.values | {"background": color}) for color in (black, grey))
    alone = Surface.blank(len(faces), resolution, pixel=2.0 / resolution)
    paint_background(alone, appearance_of(on_grey))
    shown = (render(on_grey, resolution) - render(on_black, resolution)) / 2
    return shown.amin(dim=1) > 0.99 * alone.image.amin(dim=1)


@dataclass(frozen=True)
class Hair:
    """The shape of the hair, all [N, H, W]."""

    outline: Tensor  # distance to all the hair
    opening: Tensor  # distance to the arch in it that shows the face
    curls: Tensor  # height of the curls, 0 for straight hair


def paint_background(surface: Surface, face: Appearance) -> None:
    surface.image.copy_(face.background.expand_as(surface.image))
    surface.shade(1.06 - 0.15 * ((surface.x - 0.3 * face.light).square() + (surface.y + 0.3).square()))


def hair_shape(surface: Surface, face: Appearance) -> Hair:
    """A cap on the head that drapes over the shoulders if the hair is long."""
    x, y = surface.x, surface.y
    volume = 0.10 + 0.03 * face.hair_volume + 0.06 * face.curly + 0.03 * face.long
    curls = face.curly * curl_pattern(x, y)
    cap = ellipse(x, y - face.face_y + 0.13, face.face_width + volume, face.face_height * 0.82 + volume)
    length = 0.5 * face.long + 0.1
    drape = box(x, y - face.face_y - length, face.face_width + 0.85 * volume, length + 0.28, 0.16)
    outline = smooth_union(cap, drape + 0.4 * (1 - ramp(0.1, 0.5, face.long)), 0.1) - 0.05 * curls
    return Hair(outline=outline, opening=hair_opening(surface, face) + 0.045 * curls, curls=curls)


def hair_opening(surface: Surface, face: Appearance) -> Tensor:
    """An arch around the face, lopsided like a parting; bangs close its top down to the brows."""
    x, y = surface.x, surface.y
    parting = 0.10 * (1 - face.bangs) * (1 - 0.6 * face.curly)
    above = (y - face.face_y - 0.05 + parting * (x - 0.3)).clamp(max=0)
    arch = ellipse(x, above, face.face_width * 0.90, face.face_height * (0.81 - 0.07 * face.hat))
    bangs_end = face.eye_y - 0.145 - (1 - face.bangs) * 0.7 + 0.12 * x.square()
    return torch.maximum(arch, bangs_end - y)


def curl_pattern(x: Tensor, y: Tensor, frequency: float = 20.0) -> Tensor:
    """Round bumps in a honeycomb, [1, H, W] between -0.5 and 1."""
    angles = (math.pi / 2, math.pi / 6, -math.pi / 6)
    waves = [torch.cos(frequency * (math.cos(a) * x + math.sin(a) * (y + 0.1))) for a in angles]
    return torch.stack(waves).mean(dim=0)


def paint_back_hair(surface: Surface, face: Appearance, hair: Hair) -> None:
    shadow = 0.66 + 0.14 * hair.curls
    surface.fill(hair.outline, face.hair * shadow.unsqueeze(1), face.haired)


def paint_body(surface: Surface, face: Appearance) -> None:
    part = surface.region(-1, 1, 0.45, 1)
    x, y = part.x, part.y
    neck = (x.abs() - 0.24 - 0.15 * ramp(0.85, 1.0, y)).expand_as(face.face_y + x + y)
    part.fill(neck, face.skin_shadow * (0.92 + 0.25 * face.light * x).unsqueeze(1))
    shoulders = ellipse(x, y - 1.21, 1.0, 0.48)
    collar = ellipse(x, y - 0.72, 0.32, 0.15)
    light = 1.0 - 0.22 * x.square() + 0.2 * face.light * x - 0.16 * ramp(0.10, 0.0, collar)
    part.fill(torch.maximum(shoulders, -collar), face.shirt * light.unsqueeze(1))


def paint_ears(surface: Surface, face: Appearance) -> None:
    for sign in (-1, 1):
        part = surface.side(sign, 0.38, 0.86, -0.25, 0.45)
        x, y = part.x - sign * face.face_width - 0.04 * face.yaw, part.y - face.face_y - 0.02
        size = 0.11 + 0.022 * face.ear
        part.fill(ellipse(x, y, size, size * 1.45), face.skin * 0.94)
        part.fill(ellipse(x - sign * 0.02, y, size * 0.5, size * 0.85), face.skin_shadow, 0.7)


def paint_face(surface: Surface, face: Appearance) -> None:
    """The skin, lit from the front, above and a little from one side."""
    part = surface.region(-0.72, 0.72, -0.72, 0.95)
    x, y = part.x / face.face_width, (part.y - face.face_y) / face.face_height
    lit = 1 - 0.30 * x.square() * (1 - 0.25 * x.abs()) - 0.17 * y.square() - 0.07 * y + 0.16 * face.light * x
    shade = lit.unsqueeze(1)
    warm = torch.cat([shade * 0 + 1, 0.82 + 0.18 * shade, 0.76 + 0.24 * shade], dim=1)
    shine = 0.09 * blob(x + 0.2 - 0.5 * face.light, y + 0.55, 0.4, 0.2)
    part.fill(face.face_outline(part.x, part.y), face.skin * shade * warm + shine.unsqueeze(1))


def paint_front_hair(surface: Surface, face: Appearance, hair: Hair) -> None:
    """Hair around the opening for the face; short hair ends in front of the ears."""
    x, y = surface.x, surface.y
    end = face.face_y - 0.02 + 1.2 * ramp(0.1, 0.9, face.long) - 0.05 * hair.curls
    front = torch.maximum(torch.maximum(hair.outline, -hair.opening), y - end)
    cast = ramp(0.10, 0.0, front) * ramp(0.02, -0.02, face.face_outline(x, y)) * face.haired
    surface.shade(1 - 0.22 * cast)
    surface.fill(front, hair_colours(surface, face, hair, front), face.haired)


def hair_colours(surface: Surface, face: Appearance, hair: Hair, front: Tensor) -> Tensor:
    """Hair [N, 3, H, W]: a glossy band and broad locks if straight, lit bumps if curly."""
    x, y = surface.x, surface.y
    radius = (x.square() + (y + 0.05).square()).sqrt()
    straight = 1 - face.curly
    gloss = blob(radius - 0.56, x + 0.2 - 0.4 * face.light, 0.07, 0.35) * ramp(0.0, -0.3, y)
    locks = 0.05 * torch.sin(22 * torch.atan2(x - 0.15, 0.95 + y))
    rim = 0.2 * ramp(-0.06, 0.0, front) + 0.1 * ramp(0, 0.9, y)
    shade = 0.96 + straight * locks + 0.22 * (hair.curls - 0.1 * face.curly) - rim
    glow = 0.22 * gloss * straight + 0.08 * hair.curls.clamp(min=0)
    return face.hair * shade.unsqueeze(1) + glow.unsqueeze(1) * (0.4 + 0.6 * face.hair)


def paint_hat(surface: Surface, face: Appearance) -> None:
    """A beanie with a turned-up brim and a bobble."""
    part = surface.region(-1, 1, -1, 0.0)
    x, y = part.x, part.y
    width = face.face_width + 0.10 + 0.05 * face.curly * face.haired
    brim_y = face.face_y - 0.53 + 0.10 * x.square()
    dome = torch.maximum(ellipse(x, y - face.face_y + 0.42, width - 0.01, 0.54), y - brim_y)
    brim = box(x, y - brim_y, width + 0.02, 0.105, 0.06)
    light = 1.04 - 0.5 * x.square() + 0.2 * face.light * x
    ribs = light * (1 + 0.10 * torch.sin(30 * x))
    part.shade(1 - 0.25 * face.hat * ramp(0.08, 0.0, brim) * ramp(0.0, -0.06, x.abs() - face.face_width))
    bobble = ellipse(x, y - face.face_y + 0.96, 0.16, 0.12)
    part.fill(bobble, 0.45 + 0.5 * face.hat_colour, face.hat)
    part.fill(dome, face.hat_colour * light.unsqueeze(1), face.hat)
    part.fill(brim, face.hat_colour * 0.78 * ribs.unsqueeze(1), face.hat)


def paint_earrings(surface: Surface, face: Appearance) -> None:
    for sign in (-1, 1):
        part = surface.side(sign, 0.38, 0.92, 0.15, 0.70)
        x, y = part.x - sign * (face.face_width + 0.06) - 0.04 * face.yaw, part.y - face.face_y - 0.30
        hoop = ellipse(x, y, 0.105, 0.125).abs() - 0.036
        part.fill(hoop - 0.016, rgb(0.45, 0.28, 0.02), 0.6 * face.earrings)
        gold = rgb(1.0, 0.80, 0.18) * (1.0 - 1.6 * y).unsqueeze(1).clamp(0.75, 1.25)
        part.fill(hoop, gold, face.earrings)


def paint_eyewear(surface: Surface, face: Appearance) -> None:
    part = surface.region(-0.78, 0.78, -0.30, 0.42)
    x, y = part.x - face.feature_x * 1.1, part.y - face.eye_y - 0.012
    lens = box(x.abs() - face.eye_x - 0.015, y, 0.192, 0.175, 0.11)
    bridge = box(x, y + 0.05, face.eye_x - 0.17, 0.024, 0.02)
    arms = torch.maximum(box(x, y + 0.05, face.face_width + 0.03, 0.026, 0.02), face.eye_x + 0.19 - x.abs())
    glint = ramp(0.03, 0.0, (x.abs() - face.eye_x + 0.9 * y + 0.05).abs() - 0.035)
    tint = rgb(0.07, 0.07, 0.11) + 0.20 * ramp(-0.1, 0.2, y).unsqueeze(1) + 0.28 * glint.unsqueeze(1)
    part.fill(lens, tint, 0.97 * face.sunglasses)
    part.fill(lens, rgb(1, 1, 1), 0.18 * glint * face.glasses)
    frame = torch.minimum(torch.minimum(lens.abs() - 0.028, bridge), arms)
    part.fill(frame, rgb(0.10, 0.08, 0.11), face.glasses + face.sunglasses)
