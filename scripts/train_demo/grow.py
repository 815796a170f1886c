"""Grow the demo generator by a block of 128 px: python -m scripts.train_demo.grow

The mapping network is that of `generator.py`, and the synthesis network begins as its. First the new block alone learns
crops of renders of 128 px, from the fixed features of the block before it; then all blocks learn whole pictures; then
also to have as strong edges as the renders, which regression blurs; and last the noise strengths are fitted. Muon
trains the kernels, Adam the rest. Needs

    python -m scripts.train_demo.render --count 24000 --resolution 128 --name renders128
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.train_demo.common import WORK, Losses, Renders, crops, prepare_process, train
from scripts.train_demo.generator import (
    WhitenedStyles,
    difference_loss,
    image_batches,
    picture_loss,
    train_noise,
    with_overshoot,
)
from scripts.train_demo.picture_quality import laplacian
from styleclip.latents import StyleEntry
from styleclip.networks.generator import Generator
from styleclip.networks.generator_config import GrownFrom
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.networks.synthesis import State
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import fingerprint, load_generator

RESOLUTION = 128
SIDE, MARGIN = 64, 4  # px of the new resolution: of a crop, and at its borders, where the loss is not taken
EDGE_WEIGHT = 3.0  # of the loss of edges, beside that of pixels
FEATURE_COUNT = 8000  # faces whose features are kept for the training of the block


@click.command()
@click.option("--start", type=Path, default=WORK / "generator64.safetensors", help="The generator of 64 px.")
@click.option("--width", default=16, help="Channels of the new block.")
@click.option("--block-steps", default=3000)
@click.option("--steps", default=10500)
@click.option("--edge-steps", default=850)
@click.option("--noise-steps", default=80)
@click.option("--threads", default=1)
@click.option("--prefix", default="", help="Of the names of the training states.")
@click.option("--out", type=Path, default=Path("checkpoints/demo/generator.safetensors"))
def main(
    start: Path,
    width: int,
    block_steps: int,
    steps: int,
    edge_steps: int,
    noise_steps: int,
    threads: int,
    prefix: str,
    out: Path,
) -> None:
    """Train the stages and write OUT."""
    prepare_process(threads)
    generator = grown_generator(load_generator(start), width)
    renders = Renders(WORK / f"renders{RESOLUTION}.safetensors")
    styles = carried_styles(generator)
    train_block(generator, styles, renders, block_steps, f"{prefix}block{RESOLUTION}")
    train_whole(generator, styles, renders, steps, f"{prefix}whole{RESOLUTION}")
    train_whole(generator, styles, renders, edge_steps, f"{prefix}edges{RESOLUTION}", edges=True)
    styles.fold_into(generator)
    train_noise(generator, renders, noise_steps, name=f"{prefix}noise{RESOLUTION}")
    metadata = {"name": "demo", "trained_by": "scripts/train_demo/grow.py", "steps": str(steps), "licence": "MIT"}
    save_generator(generator, out, metadata=metadata, dtype=torch.float16)


def grown_generator(small: Generator, width: int) -> Generator:
    """A generator with one more block, whose toRGB layer is zero: it draws the picture of the small one, upsampled."""
    config = small.config
    assert isinstance(config, StyleGAN2Config)
    channels = config.channels | {RESOLUTION: width}
    large = Generator(StyleGAN2Config(config.z_dim, config.w_dim, config.mapping_widths, channels))
    missing, surplus = large.load_state_dict(small.state_dict(), strict=False)
    assert not surplus and all(f"b{RESOLUTION}." in key for key in missing)
    nn.init.zeros_(large.synthesis.get_submodule(f"b{RESOLUTION}.torgb").weight)
    large.grown_from = GrownFrom(fingerprint(small), small.num_ws)
    return large


@torch.no_grad()
def carried_styles(generator: Generator) -> WhitenedStyles:
    """The affine layers on whitened coordinates of w; those of the blocks before are as they are in the generator."""
    styles = WhitenedStyles(generator)
    basis = styles.inverse / styles.inverse.square().sum(dim=1, keepdim=True)  # [K, w_dim]
    scale = styles.weight.shape[1] ** 0.5
    for entry in layers(generator, new=False):
        affine = generator.synthesis.get_submodule(f"{entry.name}.affine")
        weight = affine.weight / affine.weight.shape[1] ** 0.5
        styles.weight[entry.span] = scale * weight @ basis.T
        styles.bias[entry.span] = affine.bias + weight @ styles.center
    return styles


def train_block(
    generator: Generator, styles: WhitenedStyles, renders: Renders, steps: int, name: str, batch: int = 16
) -> None:
    """Train the new block, with its affine layers, on crops of renders."""
    rows = torch.arange(min(FEATURE_COUNT, len(renders)))
    features = block_inputs(generator, styles, renders.z[rows])
    with torch.no_grad():
        w = generator.map(renders.z[rows])
    side = SIDE // 2  # of a crop of the features

    def step(i: int) -> Losses:
        chosen = torch.randint(len(rows), (batch,))
        corners = torch.randint(0, features.x.shape[-1] - side + 1, (batch, 2)).tolist()
        state = State(*(crops(maps[chosen], corners, side).float() for maps in features))
        doubled = [[2 * top, 2 * left] for top, left in corners]
        target = crops(renders.images[chosen], doubled, SIDE).float() / 127.5 - 1
        made = run(generator, layers(generator, new=True), state, styles(w[chosen]).data).image
        return {"picture": crop_loss(made, target, inner_mask(doubled))}

    block = generator.synthesis.get_submodule(f"b{RESOLUTION}")
    parts = nn.ModuleDict({"block": block, "styles": styles})
    parts.load_state_dict(train(name, parts, step, steps, lr=1e-2, decay=0.997, kernel_lr=0.15))


def train_whole(
    generator: Generator,
    styles: WhitenedStyles,
    renders: Renders,
    steps: int,
    name: str,
    batch: int = 8,
    edges: bool = False,
) -> None:
    """Train all blocks on whole pictures, a quarter of them beyond the faces.

    With `edges` also by a loss of edges at the new resolution and at half of it, in smaller steps.
    """
    parts = nn.ModuleDict({"synthesis": generator.synthesis, "styles": styles})
    batches = image_batches(renders, batch)

    def step(i: int) -> Losses:
        target, z = next(batches)
        images = generator.pyramid(styles(with_overshoot(generator, z, groups=2, share=0.25)), noise="none")
        losses = {"picture": picture_loss(images, target)}
        if edges:
            half = edge_loss(F.avg_pool2d(images[-1], 2), F.avg_pool2d(target, 2))
            losses["edges"] = EDGE_WEIGHT * (edge_loss(images[-1], target) + 0.5 * half)
        return losses

    lr, kernel_lr = (1e-3, 3e-3) if edges else (3e-3, 0.02)
    parts.load_state_dict(train(name, parts, step, steps, lr=lr, kernel_lr=kernel_lr))


@torch.no_grad()
def block_inputs(generator: Generator, styles: WhitenedStyles, z: Tensor) -> State:
    """Features and image before the new block for every z [N, 64], in half precision."""
    states = []
    for part in z.split(50):
        start = generator.synthesis.start(len(part))
        states.append(run(generator, layers(generator, new=False), start, styles(generator.map(part)).data))
    return State(*(torch.cat([maps.half() for maps in each]) for each in zip(*states, strict=True)))


def run(generator: Generator, entries: list[StyleEntry], state: State, styles: Tensor) -> State:
    """The state after these layers, with styles [N, C] and without noise."""
    split = generator.layout.split(styles)
    return generator.synthesis.run(entries, state, split, dict.fromkeys(split))


def layers(generator: Generator, new: bool) -> list[StyleEntry]:
    """The layers of the new block, or those before it."""
    return [entry for entry in generator.layout.entries if (entry.resolution == RESOLUTION) == new]


def inner_mask(corners: list[list[int]]) -> Tensor:
    """1 in crops from these rows and columns on, 0 at borders inside the picture: [N, 1, SIDE, SIDE].

    There the block lacks the features beyond the crop.
    """
    pixel, first = torch.arange(SIDE), torch.tensor(corners)[..., None]  # [SIDE], [N, 2, 1]
    inner = ((pixel >= MARGIN) | (first == 0)) & ((pixel < SIDE - MARGIN) | (first == RESOLUTION - SIDE))
    rows, columns = inner.unbind(dim=1)  # [N, SIDE] each
    return (rows[:, :, None] & columns[:, None])[:, None].float()


def crop_loss(made: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """`difference_loss` where the mask [N, 1, H, W] is 1."""
    return difference_loss((made - target) * mask) / mask.mean()


def edge_loss(images: Tensor, target: Tensor) -> Tensor:
    """The mean difference of the r.m.s. Laplacian in overlapping 8x8 patches: blur lowers it, a shift hardly does."""
    strengths = [F.avg_pool2d(laplacian(x).square(), 8, stride=4).add(1e-4).sqrt() for x in (images, target)]
    return (strengths[0] - strengths[1]).abs().mean()


if __name__ == "__main__":
    main()
