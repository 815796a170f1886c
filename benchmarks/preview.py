"""`python -m benchmarks preview`: how long previews take at 1024 px, and how far they are from the picture.

Times: config-f with random weights, one picture. Errors: the demo generator at 16 to 64 of 128 px, for edits of several
texts a part of the way; `nearby` is the picture that the previews start from, the face without the edit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.timing import make_timer, time_in_turns
from benchmarks.tools import Report, Setup, bench_command, markdown_table, repeats_option
from styleclip.editor import Editor
from styleclip.latents import Latent, Space
from styleclip.methods.global_direction import GlobalDirection
from styleclip.models import Models
from styleclip.preview import draw_whole_picture, preview_resolutions
from styleclip.preview import preview as draw_preview

SIDE = 1024  # px
FULL, SKIP, PREVIEW = "whole picture", "skip image", "preview"
TEXTS = (
    "a face with red hair",
    "a smiling face",
    "an old face",
    "a face with glasses",
    "a face on a yellow background",
)
SHARES = (0.1, 0.3, 1.0)  # of an edit
FACES = range(100, 132)  # seeds, which no sample of the demo tables has


@bench_command
@repeats_option(7, quick=2)
def preview(setup: Setup, repeats: int) -> Report:
    """Time previews of every resolution against the whole picture, and measure how far they are from it."""
    times = time_previews(setup, repeats)
    faces, texts = (FACES[:2], TEXTS[:1]) if setup.quick else (FACES, TEXTS)
    errors = measure_errors(setup.demo_models(), faces, texts)
    return Report(times, f"{times_table(times)}\n\n{errors_table(errors)}", {"errors": errors})


@torch.no_grad()
def time_previews(setup: Setup, repeats: int) -> list[dict[str, Any]]:
    """Least milliseconds of a picture, of the skip image of each block, and of a preview at its size."""
    models = setup.models(SIDE)
    generator = models.generator
    z = torch.randn(1, generator.config.z_dim).to(generator.w_avg)
    latent = generator.to_space(Latent(Space.Z, z), Space.S)
    near = draw_whole_picture(models, latent)
    works: dict[tuple[str, int], Callable[[], Any]] = {
        (FULL, generator.resolution): functools.partial(models.render, latent)
    }
    for side in preview_resolutions(generator):
        works[SKIP, side] = functools.partial(generator, latent, resolution=side)
        works[PREVIEW, side] = functools.partial(draw_preview, models, latent, side, near)
    seconds = time_in_turns({key: make_timer(work, setup.device) for key, work in works.items()}, repeats)
    least = {key: min(taken) for key, taken in seconds.items()}
    full = least[FULL, generator.resolution]
    return [{"what": what, "px": px, "ms": 1000 * s, "ratio": s / full} for (what, px), s in least.items()]


@torch.no_grad()
def measure_errors(models: Models, seeds: Sequence[int], texts: Sequence[str]) -> list[dict[str, Any]]:
    """Mean PSNR in dB of what is shown for a part of an edit, over faces and texts, and the least over the texts."""
    generator, editor = models.generator, Editor(models)
    source = generator.to_space(editor.sample(seeds=list(seeds)), Space.S)
    near = draw_whole_picture(models, source)
    found: dict[tuple[str, int, float], list[float]] = {}
    for text in texts:
        edited = generator.to_space(editor.edit(source, text, GlobalDirection(alpha=1.0)).edited, Space.S)
        for share in SHARES:
            latent = Latent(Space.S, torch.lerp(source.data, edited.data, share))
            picture = models.render(latent)
            shown = {("nearby", generator.resolution): near.picture}
            for side in preview_resolutions(generator):
                skip = generator(latent, resolution=side)
                shown[SKIP, side] = F.interpolate(skip, picture.shape[-2:], mode="bilinear")
                shown[PREVIEW, side] = draw_preview(models, latent, side, near)
            for key, image in shown.items():
                found.setdefault((*key, share), []).append(psnr(image, picture))
    return [
        {"what": what, "px": px, "share": share, "psnr": sum(each) / len(each), "least": min(each)}
        for (what, px, share), each in found.items()
    ]


def psnr(image: Tensor, picture: Tensor) -> float:
    """The mean over a batch, in dB of the range [-1, 1]."""
    error = (image.clamp(-1, 1) - picture.clamp(-1, 1)).div(2).square().flatten(1).mean(dim=1)
    return -10 * error.log10().mean().item()


def times_table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [[f"{row['what']}, {row['px']} px", f"{row['ms']:.0f}", f"{row['ratio']:.2f}"] for row in rows]
    return markdown_table(["one picture", "ms", "to the whole picture"], lines)


def errors_table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each way to draw, a column for each share of the edit: the mean, and the least text in brackets."""
    lines = []
    for name in dict.fromkeys(f"{row['what']}, {row['px']} px" for row in rows):
        cells = [row for row in rows if f"{row['what']}, {row['px']} px" == name]
        lines.append([name, *(f"{cell['psnr']:.1f} ({cell['least']:.1f})" for cell in cells)])
    return markdown_table(["PSNR, dB", *(f"{share:g} of the edit" for share in SHARES)], lines)
