"""`python -m benchmarks prepare`: the speed of preparing samples and a relevance table (docs/relevance.md).

With the demo models, and with StyleGAN2 at 1024 px (config-f) and CLIP ViT-B/32 with random weights.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import click
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.published_stylegan2 import render_styles, trainable_copy
from benchmarks.timing import Timer, make_timer, time_in_turns
from benchmarks.tools import KERNEL_LABELS, Report, Setup, bench_command, markdown_table, repeats_option, with_ops
from styleclip.latents import Latent, Space, StyleEntry, StyleLayout
from styleclip.losses import loss_resolution_px
from styleclip.models import Models
from styleclip.networks.batch_size import RENDER, max_batch
from styleclip.runtime.cuda_graphs import Graphs
from styleclip.samples import Samples
from styleclip.stylespace.channel_effects import PrefixRenderer, groups
from styleclip.stylespace.regression import fit_all
from styleclip.stylespace.samples import BLOCK
from styleclip.stylespace.statistics import sample_styles, sample_z
from styleclip.stylespace.table_preparation import Preparation
from styleclip.text.units import human_number, human_time

SAMPLES = 2000  # of the projected regression
PUBLISHED_BATCH = 8  # images at once with the published generator, which takes more memory


@bench_command
@click.option("--demo-only", is_flag=True, help="Leave out the 1024 px.")
@click.option("--batch-size", type=click.IntRange(2), help="Pictures at once.  [default: as `prepare`; 2 with --quick]")
@repeats_option(3, quick=1)
def prepare(setup: Setup, demo_only: bool, batch_size: int | None, repeats: int) -> Report:
    """Time `styleclip prepare`: renders per second, the time of 2,000 samples, and the hours of a whole table.

    --quick uses the smallest batch.
    """
    results = []
    for name in ("demo", *(() if demo_only else (setup.networks,))):
        models = setup.demo_models() if name == "demo" else setup.models(1024)
        models.clip.preprocess = "correct"
        size = batch_size or (2 if setup.quick else Preparation().batch_size(models.generator))
        rates = measure_rates(models, size, repeats, setup.kernels)
        results.append({"models": name, **rates, "regression": measure_regression(models, repeats, setup.quick)})
    return Report(results, "\n\n".join(map(markdown, results)))


@torch.no_grad()
def measure_rates(models: Models, batch_size: int, repeats: int, kernels: list[str]) -> dict[str, Any]:
    """Renders per second of full images and by the layer that changes, and the hours of a whole table."""
    styles, layout = sample_styles(models.generator, batch_size), models.generator.layout
    entries = [e for e in layout.entries if e.is_torgb or e.name.endswith("conv0") or e.start == 0]  # conv0 for conv1
    timers = full_timers(models, styles, kernels) | layer_timers(models, styles, entries)
    seconds = {key: statistics.median(taken) for key, taken in time_in_turns(timers, repeats).items()}
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


def measure_regression(models: Models, repeats: int, quick: bool) -> dict[str, Any]:
    """Renders per second of samples, the seconds of the fits of W and S, and the projected time of all."""
    generator = models.generator
    resolution = loss_resolution_px(generator, models.clip, "auto")
    count = min(16 if quick else BLOCK, max_batch(generator, RENDER, resolution))
    w = Latent(Space.W, generator.map(sample_z(generator, count).to(models.device)))
    timer = make_timer(lambda: models.clip_features(w, resolution), models.device)
    rate = count / statistics.median(time_in_turns({"samples": timer}, repeats)["samples"])
    width = models.clip.encode_text(["a face"]).shape[1]
    noise = torch.randn(SAMPLES, width, generator=torch.Generator().manual_seed(0))
    started = time.perf_counter()
    fit_all(generator, Samples(functional.normalize(noise, dim=1)))
    fit_seconds = time.perf_counter() - started
    return {
        "samples": SAMPLES,
        "resolution": resolution,
        "rate": rate,
        "fit_seconds": fit_seconds,
        "seconds": SAMPLES / rate + fit_seconds,
    }


def full_timers(models: Models, styles: Tensor, kernels: list[str]) -> dict[Any, Timer]:
    """Timers of full images: the published generator, and ours with each value of STYLECLIP_OPS."""
    plain, layout, encode = trainable_copy(models.generator), models.generator.layout, models.clip.encode_image
    parts = styles.float().split(PUBLISHED_BATCH)
    works: dict[Any, Callable[[], Tensor]] = {
        "published": lambda: torch.cat([encode(render_styles(plain, layout.split(part))) for part in parts])
    }
    for which in kernels:
        works[which] = with_ops(which, lambda: encode(models.generator(Latent(Space.S, styles))))
    return {name: make_timer(work, models.device) for name, work in works.items()}


def layer_timers(models: Models, styles: Tensor, entries: list[StyleEntry]) -> dict[Any, Timer]:
    """Timers for every layer: the prefix of a group of channels, and the images as `EffectMeter` renders them."""
    timers: dict[Any, Timer] = {}
    graphs = Graphs()
    for entry in entries:
        shared = functools.partial(PrefixRenderer, models.generator, entry, styles[: max(1, len(styles) // 2)])
        each = functools.partial(image_features, models, shared(), graphs, styles)
        timers[entry, "shared"], timers[entry, "each"] = (make_timer(work, models.device) for work in (shared, each))
    return timers


def image_features(models: Models, renderer: PrefixRenderer, graphs: Graphs, styles: Tensor) -> Tensor:
    """Unit CLIP features [N, D] of images that share the prefix of `renderer`."""

    def encode(styles: Tensor, *begun: Tensor) -> Tensor:
        return models.clip.encode_image(renderer.finish(styles, *begun))

    features: Tensor = graphs(renderer.entry.name, encode, styles, *renderer.prefix(0))
    return features


def renders_per_second(layout: StyleLayout, entry: StyleEntry, batch_size: int, seconds: dict[Any, float]) -> float:
    """Renders per second of `measure` for a whole group of channels of this layer."""
    shared, each = seconds[entry, "shared"] / max(1, batch_size // 2), seconds[entry, "each"] / batch_size
    _, group = next(groups(layout, torch.arange(entry.start, entry.span.stop), batch_size))
    return 2 * len(group) / (shared + 2 * len(group) * each)


def markdown(result: dict[str, Any]) -> str:
    """The table of rates, and a sentence with the hours of a relevance table."""
    full, channels, hours = result["full_rates"], result["channels"], result["hours"]
    rates = [
        ("in full, published", full["published"]),
        *((f"in full, {KERNEL_LABELS[which]}", full[which]) for which in reversed(KERNEL_LABELS) if which in full),
        *((f"{each['layer']}, {each['resolution']} px", each["rate"]) for each in result["layers"]),
    ]
    ours, published = result["full_rate"], full["published"]
    rows = [(name, human_number(rate), f"{rate / ours:.2f}", f"{rate / published:.2f}") for name, rate in rates]
    samples, renders = result["regression"], Preparation().renders(channels["convolutions"])
    return (
        f"### {result['models']}, batches of {result['batch_size']}\n\n"
        f"{markdown_table(['what changes', 'renders/s', 'to ours in full', 'to published'], rows)}\n\n"
        f"Regression: {samples['samples']:,} samples at {samples['resolution']} px, {human_number(samples['rate'])} "
        f"renders/s, take {human_time(samples['seconds'])} with the fits of W and S.\n\n"
        f"Table: {Preparation().images} images, both signs: {channels['convolutions']:,} channels of convolutions take "
        f"{renders:,} renders and {human_number(hours['convolutions'])} h, all {channels['all']:,} take "
        f"{human_number(hours['all'])} h."
    )
