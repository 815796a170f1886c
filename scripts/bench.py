"""How fast this machine is: python -m scripts.bench prepare, python -m scripts.bench mapper

`mapper` is in bench_mapper.py. `prepare` times the renders behind a relevance table (docs/relevance.md), with the demo
models and with a StyleGAN2 of 1024 px (config-f) and a CLIP ViT-B/32 whose weights are random, so no file is needed.
"""

from __future__ import annotations

from typing import Any

import click
import torch
from torch import Tensor

import styleclip
from scripts.bench_mapper import mapper
from scripts.timing import config_f, machine, timed
from styleclip.cli.progress import human_number
from styleclip.devices import pick_device, pick_dtype
from styleclip.latents import Latent, Space, StyleEntry
from styleclip.models.bundle import Models
from styleclip.models.clip_names import open_clip_architecture
from styleclip.models.stylegan2 import Generator
from styleclip.records import to_json
from styleclip.stylespace.effects import Painter, groups
from styleclip.stylespace.prepare import Preparation
from styleclip.stylespace.statistics import sample_styles


@click.group()
def main() -> None:
    """Time what takes long."""


main.add_command(mapper)


@main.command()
@click.option("--demo-only", is_flag=True, help="Leave out the 1024 px.")
@click.option("--quick", is_flag=True, help="Everything once, in the smallest batch: 3 minutes on a CPU core.")
@click.option("--batch-size", type=click.IntRange(2), help="Pictures at once.  [default: as `prepare`; 2 with --quick]")
@click.option("--device", default="auto", help="auto, cpu or cuda[:N].")
@click.option("--dtype", default="auto", help="float32 or bfloat16.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prepare(demo_only: bool, quick: bool, batch_size: int | None, device: str, dtype: str, as_json: bool) -> None:
    """Time `styleclip prepare`: renders per second, and the hours of a whole table."""
    where = pick_device(device)
    results = []
    for name, load in {"demo": demo, "config-f, ViT-B/32": large}.items():
        if name == "demo" or not demo_only:
            models = load(where, pick_dtype(dtype, where))
            size = batch_size or (2 if quick else Preparation().batch_size(models.generator.resolution))
            results.append({"models": name, **measured(models, size, repeats=1 if quick else 3)})
    if as_json:
        click.echo(to_json({"machine": machine(where), "results": results}), nl=False)
    else:
        click.echo("\n".join([machine(where), *map(markdown, results)]))


def demo(device: torch.device, dtype: torch.dtype) -> Models:
    return styleclip.load("demo", identity="none", device=device, dtype=dtype)


def large(device: torch.device, dtype: torch.dtype) -> Models:
    torch.manual_seed(0)
    networks: list[Any] = [Generator(config_f(1024)), open_clip_architecture("ViT-B-32")]
    return Models(*(network.eval().requires_grad_(False).to(device, dtype) for network in networks))


@torch.no_grad()
def measured(models: Models, batch_size: int, repeats: int) -> dict[str, Any]:
    """Renders per second in full and by the layer that changes, and the hours of a whole table."""
    styles, layout = sample_styles(models.generator, batch_size), models.generator.layout
    whole, _ = timed(lambda: models.clip.encode_image(models.generator(Latent(Space.S, styles))), repeats)
    layers = []
    for entry in layout.entries:
        if entry.is_torgb or entry.name.endswith("conv0") or entry.start == 0:  # conv0 stands for conv1 too
            rate = renders_per_second(models, entry, styles, repeats)
            alike = [e for e in layout.entries if (e.resolution, e.is_torgb) == (entry.resolution, entry.is_torgb)]
            renders = Preparation().renders(sum(e.channels for e in alike))
            kind = "toRGB" if entry.is_torgb else "convolutions"
            layers.append({"layer": kind, "resolution": entry.resolution, "rate": rate, "hours": renders / rate / 3600})
    convolutions = sum(layer["hours"] for layer in layers if layer["layer"] != "toRGB")
    channels = {"convolutions": int((~layout.torgb_mask()).sum()), "all": layout.size}
    hours = {"convolutions": convolutions, "all": sum(layer["hours"] for layer in layers)}
    return {
        "batch_size": batch_size,
        "full_rate": batch_size / whole,
        "layers": layers,
        "channels": channels,
        "hours": hours,
    }


def renders_per_second(models: Models, entry: StyleEntry, styles: Tensor, repeats: int) -> float:
    """The speed of `measure` in a whole group of this layer: what the group shares, and the pictures themselves."""
    generator, few = models.generator, styles[: max(1, len(styles) // 2)]
    shared, painter = timed(lambda: Painter(generator, entry, few), repeats)
    each, _ = timed(lambda: models.clip.encode_image(painter(0, styles)), repeats)
    _, group = next(groups(generator.layout, torch.arange(entry.start, entry.span.stop), len(styles)))
    return 2 * len(group) / (shared / len(few) + 2 * len(group) * each / len(styles))


def markdown(result: dict[str, Any]) -> str:
    """A table, and below it how long the table of these models takes."""
    full, channels, hours = result["full_rate"], result["channels"], result["hours"]
    rows = [
        ("render in full", full),
        *((f"{each['layer']}, {each['resolution']} px", each["rate"]) for each in result["layers"]),
    ]
    return "\n".join(
        [
            f"\n### {result['models']}, batches of {result['batch_size']}\n",
            "| what changes | renders/s | to a full render |",
            "|---|---:|---:|",
            *(f"| {name} | {human_number(rate)} | {rate / full:.2f} |" for name, rate in rows),
            f"\n{Preparation().images} images, both signs: {channels['convolutions']:,} channels of convolutions take "
            f"{human_number(hours['convolutions'])} h, all {channels['all']:,} take {human_number(hours['all'])} h.",
        ]
    )


if __name__ == "__main__":
    main()
