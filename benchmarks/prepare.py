"""`python -m benchmarks prepare`: the renders behind a relevance table (docs/relevance.md).

With the demo models, and with a StyleGAN2 of 1024 px (config-f) and a CLIP ViT-B/32 whose weights are random, so no
file is needed.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable
from typing import Any

import click
import torch
from torch import Tensor

import styleclip
from benchmarks.published_stylegan2 import as_trained, paint
from benchmarks.timing import Timer, in_turn, stopwatch
from benchmarks.tools import KERNELS, Report, Setting, bench, repeats_option, table, under
from styleclip.cli.output.progress import human_number
from styleclip.latents import Latent, Space, StyleEntry, StyleLayout
from styleclip.models import Models
from styleclip.runtime.cuda_graphs import Graphs
from styleclip.stylespace.channel_effects import PrefixRenderer, groups
from styleclip.stylespace.prepare import Preparation
from styleclip.stylespace.statistics import sample_styles

PUBLISHED_BATCH = 8  # pictures at most that the published generator draws at once: it takes more memory


@bench
@click.option("--demo-only", is_flag=True, help="Leave out the 1024 px.")
@click.option("--batch-size", type=click.IntRange(2), help="Pictures at once.  [default: as `prepare`; 2 with --quick]")
@repeats_option(3, quick=1)
def prepare(setting: Setting, demo_only: bool, batch_size: int | None, repeats: int) -> Report:
    """Time `styleclip prepare`: renders per second, and the hours of a whole table.

    With --quick in the smallest batch.
    """
    results = []
    for name in ("demo", *(() if demo_only else (setting.networks,))):
        models = demo(setting) if name == "demo" else setting.models(1024)
        models.clip.preprocess = "correct"
        size = batch_size or (2 if setting.quick else Preparation().batch_size(models.generator))
        results.append({"models": name, **measured(models, size, repeats, setting.kernels)})
    return Report(results, "\n\n".join(map(markdown, results)))


def demo(setting: Setting) -> Models:
    return styleclip.load("demo", identity="none", device=setting.device, dtype=setting.dtype)


@torch.no_grad()
def measured(models: Models, batch_size: int, repeats: int, kernels: list[str]) -> dict[str, Any]:
    """Renders per second in full and by the layer that changes, and the hours of a whole table."""
    styles, layout = sample_styles(models.generator, batch_size), models.generator.layout
    entries = [e for e in layout.entries if e.is_torgb or e.name.endswith("conv0") or e.start == 0]  # conv0 for conv1
    timers = in_full(models, styles, kernels) | by_layer(models, styles, entries)
    seconds = {key: statistics.median(taken) for key, taken in in_turn(timers, repeats).items()}
    layers: list[dict[str, Any]] = []
    for entry in entries:
        rate = renders_per_second(layout, entry, batch_size, seconds)
        alike = [e for e in layout.entries if (e.resolution, e.is_torgb) == (entry.resolution, entry.is_torgb)]
        hours = Preparation().renders(sum(e.channels for e in alike)) / rate / 3600
        kind = "toRGB" if entry.is_torgb else "convolutions"
        layers.append({"layer": kind, "resolution": entry.resolution, "rate": rate, "hours": hours})
    convolutions = sum(layer["hours"] for layer in layers if layer["layer"] != "toRGB")
    return {
        "batch_size": batch_size,
        "full_rate": batch_size / seconds[kernels[0]],
        "full_rates": {which: batch_size / seconds[which] for which in ("published", *kernels)},
        "layers": layers,
        "channels": {"convolutions": int((~layout.torgb_mask()).sum()), "all": layout.size},
        "hours": {"convolutions": convolutions, "all": sum(layer["hours"] for layer in layers)},
    }


def in_full(models: Models, styles: Tensor, kernels: list[str]) -> dict[Any, Timer]:
    """Pictures that share nothing: the published way, and ours by STYLECLIP_OPS."""
    plain, layout, encode = as_trained(models.generator), models.generator.layout, models.clip.encode_image
    parts = styles.float().split(PUBLISHED_BATCH)
    works: dict[Any, Callable[[], Tensor]] = {
        "published": lambda: torch.cat([encode(paint(plain, layout.split(part))) for part in parts])
    }
    for which in kernels:
        works[which] = under(which, lambda: encode(models.generator(Latent(Space.S, styles))))
    return {name: stopwatch(work, models.device) for name, work in works.items()}


def by_layer(models: Models, styles: Tensor, entries: list[StyleEntry]) -> dict[Any, Timer]:
    """For every layer what a group of its channels shares, and the pictures themselves, as `EffectMeter` takes them."""
    timers: dict[Any, Timer] = {}
    graphs = Graphs()
    for entry in entries:
        share = functools.partial(PrefixRenderer, models.generator, entry, styles[: max(1, len(styles) // 2)])
        look = functools.partial(features, models, share(), graphs, styles)
        timers[entry, "shared"], timers[entry, "each"] = (stopwatch(work, models.device) for work in (share, look))
    return timers


def features(models: Models, renderer: PrefixRenderer, graphs: Graphs, styles: Tensor) -> Tensor:
    """What CLIP sees in pictures that begin alike: unit features [N, D]."""

    def look(styles: Tensor, *begun: Tensor) -> Tensor:
        return models.clip.encode_image(renderer.finish(styles, *begun))

    seen: Tensor = graphs(renderer.entry.name, look, styles, *renderer.begin(0))
    return seen


def renders_per_second(layout: StyleLayout, entry: StyleEntry, batch_size: int, seconds: dict[Any, float]) -> float:
    """The speed of `measure` in a whole group of this layer."""
    shared, each = seconds[entry, "shared"] / max(1, batch_size // 2), seconds[entry, "each"] / batch_size
    _, group = next(groups(layout, torch.arange(entry.start, entry.span.stop), batch_size))
    return 2 * len(group) / (shared + 2 * len(group) * each)


def markdown(result: dict[str, Any]) -> str:
    """A table, and below it how long the table of these models takes."""
    full, channels, hours = result["full_rates"], result["channels"], result["hours"]
    rates = [
        ("in full, published", full["published"]),
        *((f"in full, {KERNELS[which]}", full[which]) for which in reversed(KERNELS) if which in full),
        *((f"{each['layer']}, {each['resolution']} px", each["rate"]) for each in result["layers"]),
    ]
    ours, published = result["full_rate"], full["published"]
    rows = [(name, human_number(rate), f"{rate / ours:.2f}", f"{rate / published:.2f}") for name, rate in rates]
    return (
        f"### {result['models']}, batches of {result['batch_size']}\n\n"
        f"{table(['what changes', 'renders/s', 'to ours in full', 'to published'], rows)}\n\n"
        f"{Preparation().images} images, both signs: {channels['convolutions']:,} channels of convolutions take "
        f"{human_number(hours['convolutions'])} h, all {channels['all']:,} take {human_number(hours['all'])} h."
    )
