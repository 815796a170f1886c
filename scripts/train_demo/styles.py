"""Styles of pictures, such as a pencil sketch: filters of images [N, 3, H, W] in [-1, 1], and the words for them.

Lengths are pixels of a picture 64 px wide, and grow with it. Images without one of these styles are photos.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from scripts.train_demo.image_filters import blur, edge_strength, gray, kuwahara, saturate, smooth_noise, xdog

Filter = Callable[[Tensor, torch.Generator], Tensor]  # images [N, 3, H, W] in 0..1 and the source of grain -> the same
COLORS = ("hair_color", "eye_color", "skin", "background", "shirt")
FAINT = ("makeup", "freckles", "age")  # attributes that lines and few tones hide


@dataclass(frozen=True)
class Style:
    """A way to draw a picture.

    Args:
        draw: the filter, which draws images in this style.
        phrases: what such a picture is called, as in "PHRASE of a face"; the first one stands for the style. Styles may
            share a phrase.
        behind: phrases behind the noun, as in "a face PHRASE".
        hides: the attributes of the demo world that a picture in this style may not show.
    """

    draw: Filter
    phrases: tuple[str, ...]
    behind: tuple[str, ...]
    hides: tuple[str, ...] = ()


def styled(images: Tensor, style: str, seed: int = 0) -> Tensor:
    """Images [N, 3, H, W] in [-1, 1] drawn in a style of STYLES."""
    grain = torch.Generator().manual_seed(seed)
    return STYLES[style].draw(images * 0.5 + 0.5, grain).clamp(0, 1) * 2 - 1


def pencil_sketch(images: Tensor, grain: torch.Generator) -> Tensor:
    """Grey strokes along edges and hatching in the shade, on white paper."""
    tone = gray(images)
    dodge = (tone / blur(tone, 1.6).clamp(min=0.05)).clamp(max=1)
    lines = 1 - (1 - dodge) * 1.5 - 0.3 * edge_strength(images, 0.7)
    y, x = _pixels(images)
    hatch = 0.5 + 0.5 * torch.sin(2 * math.pi * (x + y) / 3.2)
    shade = (0.75 - blur(tone, 1.0)).clamp(0, 0.6) * (0.25 + 0.75 * hatch)
    return _on_paper(lines - 0.75 * shade, (0.97, 0.97, 0.95), 0.05, grain)


def line_drawing(images: Tensor, grain: torch.Generator) -> Tensor:
    """Black contours on white: the extended difference of Gaussians."""
    sigma = 0.35 + 0.4 * float(torch.rand((), generator=grain))
    lines = xdog(gray(images), sigma, sharpness=6.0, threshold=0.62)
    edges = edge_strength(images, 0.5)
    return _on_paper(lines.clamp(min=0.1) - 0.9 * (edges - 0.35).clamp(min=0), (1.0, 1.0, 1.0), 0.0, grain)


def charcoal_drawing(images: Tensor, grain: torch.Generator) -> Tensor:
    """Broad black smears with a coarse grain, on grey paper."""
    tone = blur(gray(images), 0.8)
    light = tone + 0.12 - 0.55 * edge_strength(images, 1.2)
    smear = torch.sigmoid(7 * (light - 0.36 + 0.10 * smooth_noise(images, 0.7, grain)))
    return _on_paper(smear, (0.84, 0.83, 0.80), 0.06, grain)


def black_and_white_photo(images: Tensor, grain: torch.Generator) -> Tensor:
    """The luma alone, with some contrast."""
    tone = (gray(images) - 0.5) * 1.15 + 0.5
    return (tone + 0.01 * _noise(images, grain)).expand_as(images)


def sepia_photo(images: Tensor, grain: torch.Generator) -> Tensor:
    """A faded brown print with dark corners."""
    tone = 0.16 + 0.84 * blur(gray(images), 0.4) + 0.02 * _noise(images, grain)
    y, x = _pixels(images)
    corner = ((x / 31.5 - 1).square() + (y / 31.5 - 1).square()).clamp(max=2)
    return tone * (1 - 0.22 * corner.square() / 2) * tone.new_tensor([1.05, 0.86, 0.62]).view(3, 1, 1)


def oil_painting(images: Tensor, grain: torch.Generator) -> Tensor:
    """Strong colours in thick strokes, lit from one side."""
    jitter = images + 0.05 * smooth_noise(images, 1.2, grain)
    strokes = saturate(kuwahara(jitter, 2), 1.5)
    height = 0.5 * gray(strokes) + 0.12 * smooth_noise(images, 0.9, grain)
    relief = height - height.roll((1, 1), (2, 3))
    return (strokes - 0.5) * 1.1 + 0.46 + 0.5 * relief


def watercolour(images: Tensor, grain: torch.Generator) -> Tensor:
    """Pale washes with soft, darker rims on white, rough paper."""
    wash = kuwahara(_displaced(images, 0.5, grain), 2)
    wash = saturate(blur(wash, 0.4), 1.15)
    rim = 0.35 * edge_strength(wash, 1.0)
    pale = 1 - (1 - wash) * (0.68 + 0.10 * smooth_noise(images, 4.0, grain)).clamp(0.4, 0.9)
    y, x = _pixels(images)
    inside = torch.maximum((x / 31.5 - 1).abs(), (y / 31.5 - 1).abs()) + 0.08 * smooth_noise(images, 2.0, grain)
    border = torch.sigmoid(22 * (inside - 0.93))
    return (pale - rim * 0.5).lerp(torch.ones_like(pale), border) - 0.03 * smooth_noise(images, 0.6, grain).abs()


def cartoon(images: Tensor, grain: torch.Generator) -> Tensor:
    """Flat, bright colours with thick black outlines."""
    flat = saturate(kuwahara(blur(images, 0.4), 1), 1.7)
    levels = (flat * 4).round() / 4
    outline = (1.3 * edge_strength(images, 0.7) - 0.3).clamp(0, 1)
    return levels.lerp(flat, 0.25) * 1.05 * (1 - outline)


def neon(images: Tensor, grain: torch.Generator) -> Tensor:
    """Glowing, coloured edges in the dark."""
    edges = edge_strength(images, 0.8)
    y, _ = _pixels(images)
    angle = 2 * math.pi * y / 64 + 2 * math.pi * torch.rand(len(images), 1, 1, 1, generator=grain).to(images)
    hue = torch.cat([0.5 + 0.5 * torch.cos(angle + shift) for shift in (0.0, 2.1, 4.2)], dim=1)
    light = edges * (0.35 + hue)
    return 0.03 + light + 1.2 * blur(light, 2.5) * hue


def pop_art(images: Tensor, grain: torch.Generator) -> Tensor:
    """Four flat tones, each in one loud colour."""
    tone = blur(gray(images), 0.5)
    order = torch.quantile(tone.flatten(1), tone.new_tensor([0.15, 0.4, 0.75]), dim=1)  # [3, N]
    level = sum((tone > limit.view(-1, 1, 1, 1)).long() for limit in order)
    palettes = images.new_tensor(POP_PALETTES)
    chosen = palettes[torch.randint(len(palettes), (len(images),), generator=grain).to(images.device)]  # [N, 4, 3]
    return torch.stack([colors[row[0]] for colors, row in zip(chosen, level, strict=True)]).permute(0, 3, 1, 2)


def pixel_art(images: Tensor, grain: torch.Generator) -> Tensor:
    """Large square pixels of few colours."""
    side = max(1, round(4 * images.shape[-1] / 64))
    small = F.avg_pool2d(images, side, ceil_mode=True)
    small = (saturate(small, 1.25) * 5).round() / 5
    return F.interpolate(small, scale_factor=side)[..., : images.shape[-2], : images.shape[-1]]


def stone_statue(images: Tensor, grain: torch.Generator) -> Tensor:
    """Grey relief without paint, lit from above."""
    tone = gray(images)
    local = tone - blur(tone, 3.0)
    relief = blur(tone, 0.6)
    emboss = relief - relief.roll((1, 1), (2, 3))
    stone = (
        0.60
        + 0.5 * local
        + 0.35 * (relief - 0.5)
        + 0.7 * emboss
        + 0.05 * smooth_noise(images, 1.5, grain)
        + 0.03 * _noise(images, grain)
    )
    return stone * stone.new_tensor([1.0, 0.99, 0.95]).view(3, 1, 1)


POP_PALETTES = (
    ((0.16, 0.05, 0.40), (0.95, 0.10, 0.55), (0.10, 0.80, 0.85), (1.00, 0.92, 0.20)),
    ((0.05, 0.10, 0.25), (0.00, 0.65, 0.30), (1.00, 0.45, 0.10), (1.00, 0.85, 0.75)),
    ((0.35, 0.00, 0.15), (0.90, 0.15, 0.15), (1.00, 0.80, 0.10), (0.55, 0.95, 1.00)),
    ((0.00, 0.15, 0.45), (0.60, 0.20, 0.85), (1.00, 0.40, 0.70), (0.80, 1.00, 0.30)),
)
STYLES: dict[str, Style] = {
    "pencil": Style(
        pencil_sketch,
        ("a pencil sketch", "a sketch", "a pencil drawing", "a drawing", "a black and white drawing"),
        ("drawn with a pencil", "as a sketch"),
        (*COLORS, *FAINT),
    ),
    "lines": Style(
        line_drawing,
        ("a line drawing", "a sketch", "a drawing", "a black and white drawing", "a doodle"),
        ("drawn with black lines", "as a sketch"),
        (*COLORS, *FAINT),
    ),
    "charcoal": Style(
        charcoal_drawing,
        ("a charcoal drawing", "a charcoal sketch", "a sketch", "a drawing", "a black and white drawing"),
        ("drawn with charcoal", "as a sketch"),
        (*COLORS, *FAINT),
    ),
    "gray": Style(
        black_and_white_photo, ("a black and white photo", "a monochrome photo"), ("in black and white",), COLORS
    ),
    "sepia": Style(sepia_photo, ("a sepia photo", "a vintage photo"), ("in sepia",), COLORS),
    "oil": Style(
        oil_painting, ("an oil painting", "a painting", "a canvas painting"), ("painted in oil", "as a painting"), FAINT
    ),
    "watercolour": Style(
        watercolour,
        ("a watercolour painting", "a watercolor painting", "a painting", "a watercolour", "a watercolor"),
        ("painted with watercolours", "in watercolor", "as a painting"),
        FAINT,
    ),
    "cartoon": Style(
        cartoon, ("a cartoon", "a comic", "a cartoon drawing"), ("as a cartoon", "in cartoon style"), FAINT
    ),
    "neon": Style(
        neon, ("a neon sign", "neon lights", "a neon picture"), ("in neon", "made of neon lights"), (*COLORS, *FAINT)
    ),
    "pop": Style(pop_art, ("pop art", "a pop art print", "a pop art poster"), ("as pop art",), (*COLORS, *FAINT)),
    "pixels": Style(
        pixel_art,
        ("pixel art", "a pixelated photo", "a mosaic"),
        ("made of pixels", "in pixel art"),
        (*FAINT, "eye_color", "expression"),
    ),
    "stone": Style(
        stone_statue,
        ("a stone statue", "a marble statue", "a statue", "a stone sculpture", "a sculpture"),
        ("carved in stone", "made of stone", "made of marble"),
        (*COLORS, *FAINT),
    ),
}


def _on_paper(tone: Tensor, color: tuple[float, ...], texture: float, grain: torch.Generator) -> Tensor:
    """Tones [N, 1, H, W] in 0..1 as a print on coloured paper."""
    rough = 1 - texture * smooth_noise(tone, 0.6, grain).abs()
    return tone.clamp(0.03, 1) * rough * tone.new_tensor(color).view(3, 1, 1)


def _noise(images: Tensor, grain: torch.Generator) -> Tensor:
    n, _, height, width = images.shape
    return torch.randn(n, 1, height, width, generator=grain).to(images)


def _pixels(images: Tensor) -> tuple[Tensor, Tensor]:
    """The rows [H, 1] and columns [1, W] of the pixels in a picture 64 px wide."""
    height, width = images.shape[-2:]
    y, x = (torch.arange(side, device=images.device) * (64 / width) for side in (height, width))
    return y[:, None], x[None]


def _displaced(images: Tensor, distance: float, grain: torch.Generator) -> Tensor:
    """The images, whose pixels are moved by smooth noise of about this length."""
    n, _, height, width = images.shape
    moves = torch.cat([smooth_noise(images, 2.5, grain) for _ in range(2)], dim=1) * (2 * distance / 64)
    y, x = (torch.linspace(-1, 1, side, device=images.device) for side in (height, width))
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1) + moves.permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=True)
