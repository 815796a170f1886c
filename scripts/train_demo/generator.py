"""Train the generator of 64 px that the demo generator grows from: python -m scripts.train_demo.generator

The renderer gives the image of every z, so the generator is trained by regression: first the mapping network learns a w
in which attributes are linear, then the synthesis network learns the images, a discriminator sharpens them, and last
the noise strengths learn the film grain under an energy score, whose optimum is the true standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.train_demo.common import WORK, Losses, Renders, prepare_process, train
from scripts.train_demo.mapping import train_mapping
from styleclip.demo.world import SOURCES, Z_DIM, Scale, with_state
from styleclip.latents import Latent, Space
from styleclip.networks.discriminator import Discriminator
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.stylespace.statistics import whitening_basis
from styleclip.weights.formats.own_files import save_generator

CONFIG = StyleGAN2Config(
    z_dim=Z_DIM,
    w_dim=256,
    mapping_widths=(512, 512, 256),
    channels={4: 128, 8: 128, 16: 128, 32: 96, 64: 48},
)
CRITIC = {4: 128, 8: 128, 16: 96, 32: 64, 64: 32}  # channels of the discriminator
ADVERSARY, R1 = 0.04, 1.0  # weights of the adversarial loss and of the critic's gradient penalty
OVERSHOOT = (-0.3, 1.0)  # how far past a face, in units of the way from its counterpart
GRAIN = 0.01  # standard deviation of the film grain that the noise inputs learn, in [-1, 1] units

Pictures = Iterator[tuple[Tensor, Tensor]]  # renders and their z
Pyramid = Callable[..., list[Tensor]]


@click.command()
@click.option("--mapping-steps", default=7000)
@click.option("--steps", default=18500)
@click.option("--sharp-steps", default=2000)
@click.option("--noise-steps", default=200)
@click.option("--threads", default=1)
@click.option("--compile/--no-compile", "compiled", default=True)
@click.option("--out", type=Path, default=WORK / "generator64.safetensors", help="What `grow` starts from.")
def main(
    mapping_steps: int, steps: int, sharp_steps: int, noise_steps: int, threads: int, compiled: bool, out: Path
) -> None:
    """Train the stages and write OUT."""
    prepare_process(threads)
    generator, renders = Generator(CONFIG), Renders(WORK / "renders.safetensors")
    train_mapping(generator, mapping_steps)
    train_synthesis(generator, renders, steps, sharp_steps, compiled)
    train_noise(generator, renders, noise_steps)
    with torch.no_grad():
        w = generator.map(torch.randn(20000, Z_DIM, generator=torch.Generator().manual_seed(1)))
        generator.mapping.w_avg.copy_(w.mean(dim=0))
    metadata = {"name": "demo", "trained_by": "scripts/train_demo/generator.py", "steps": str(steps), "licence": "MIT"}
    save_generator(generator, out, metadata=metadata, dtype=torch.float16)


def train_synthesis(
    generator: Generator, renders: Renders, steps: int, sharp_steps: int, compiled: bool, batch: int = 16
) -> None:
    """Train the synthesis network to regress the render of every z; the mapping network is fixed."""
    styles = WhitenedStyles(generator)
    parts = nn.ModuleDict({"synthesis": generator.synthesis, "styles": styles})
    batches = image_batches(renders, batch)
    pyramid = torch.compile(generator.pyramid) if compiled else generator.pyramid

    def step(i: int) -> Losses:
        target, z = next(batches)
        return {"picture": picture_loss(pyramid(styles(with_overshoot(generator, z)), noise="none"), target)}

    parts.load_state_dict(train("synthesis", parts, step, steps, lr=5e-3, decay=0.997))
    train_sharpness(generator, styles, pyramid, batches, sharp_steps)
    styles.fold_into(generator)


def train_sharpness(
    generator: Generator, styles: WhitenedStyles, pyramid: Pyramid, batches: Pictures, steps: int
) -> None:
    """Continue with an adversarial loss, which sharpens edges that regression blurs.

    Generator and discriminator take a step at once, each with the other's weights detached (non-saturating loss; R1,
    Mescheder et al. 2018, on every eighth step).
    """
    critic = Discriminator(CRITIC)
    parts = nn.ModuleDict({"synthesis": generator.synthesis, "styles": styles, "critic": critic})

    def step(i: int) -> Losses:
        target, z = next(batches)
        images = pyramid(styles(with_overshoot(generator, z)), noise="none")
        fixed = {name: weight.detach() for name, weight in critic.named_parameters()}
        fakes, real = (pictures.chunk(2)[0] for pictures in (images[-1], target))  # the half without overshoot
        fake_logits = torch.func.functional_call(critic, fixed, (fakes,))
        losses = {"picture": picture_loss(images, target), "fooling": ADVERSARY * F.softplus(-fake_logits).mean()}
        real = real.clone().requires_grad_(i % 8 == 0)
        real_logits, detached_logits = critic(real), critic(fakes.detach())
        losses["critic"] = F.softplus(-real_logits).mean() + F.softplus(detached_logits).mean()
        if i % 8 == 0:
            gradient = torch.autograd.grad(real_logits.sum(), real, create_graph=True)[0]
            losses["r1"] = 8 * R1 / 2 * gradient.square().sum(dim=(1, 2, 3)).mean()
        return losses

    parts.load_state_dict(train("sharpness", parts, step, steps, lr=2e-3, betas=(0.5, 0.99), decay=0.998))


@torch.no_grad()
def with_overshoot(generator: Generator, z: Tensor, groups: int = 4, share: float = 0.5) -> Tensor:
    """w [N, w_dim] of z, a share of them extrapolated along the line to a face that differs in one attribute: the last.

    Their target images are unchanged: an edit that goes too far along w then shows a normal hat, and one that stops
    before half way shows none.
    """
    discrete = [kind for kind, source in SOURCES.items() if not isinstance(source, Scale)]
    count = int(share * len(z))
    plain, extrapolated = z.split([len(z) - count, count])
    others = []
    for part in extrapolated.chunk(groups):
        kind = discrete[int(torch.randint(len(discrete), ()))]
        others.append(with_state(part, kind.name, kind.states[int(torch.randint(len(kind.states), ()))]))
    w, far = generator.map(extrapolated), generator.map(torch.cat(others))
    past = torch.empty(len(w), 1).uniform_(*OVERSHOOT)
    return torch.cat([generator.map(plain), w + past * (w - far)])


class WhitenedStyles(nn.Module):
    """The affine layers w -> S as one layer on the principal coordinates of w, in standard deviations.

    W has a large mean and a few strong axes, which Adam takes badly; on whitened coordinates every attribute moves
    the styles alike. Afterwards the same map is folded into the generator's own affine layers.
    """

    center: Tensor
    inverse: Tensor

    def __init__(self, generator: Generator, components: int = 96) -> None:
        super().__init__()
        with torch.no_grad():
            center = generator.map(torch.randn(20000, Z_DIM)).mean(dim=0)
        basis = whitening_basis(generator, Space.W).basis[-components:]  # [K, w_dim], longest last
        self.register_buffer("center", center)
        self.register_buffer("inverse", basis / basis.square().sum(dim=1, keepdim=True))
        self.weight = nn.Parameter(0.6 * torch.randn(generator.layout.size, components))
        self.bias = nn.Parameter(torch.ones(generator.layout.size))

    def forward(self, w: Tensor) -> Latent:
        coordinates = (w.detach() - self.center) @ self.inverse.T  # [N, K]
        return Latent(Space.S, coordinates @ self.weight.T / self.weight.shape[1] ** 0.5 + self.bias)

    @torch.no_grad()
    def fold_into(self, generator: Generator) -> None:
        weight = self.weight @ self.inverse / self.weight.shape[1] ** 0.5  # [C, w_dim]
        bias = self.bias - weight @ self.center
        for entry in generator.layout.entries:
            affine = generator.synthesis.get_submodule(f"{entry.name}.affine")
            affine.weight.copy_(weight[entry.span] * weight.shape[1] ** 0.5)
            affine.bias.copy_(bias[entry.span])


def train_noise(generator: Generator, renders: Renders, steps: int, batch: int = 16, name: str = "noise") -> None:
    """Fit the last noise strengths alone to E|x - y| - E|x - x'| / 2 over 8x8 patches, where y has film grain."""
    batches = image_batches(renders, batch)
    for parameter in generator.parameters():
        parameter.requires_grad_(False)
    strengths = noise_strengths(generator)[-4:]
    for parameter in strengths:
        parameter.requires_grad_(True)
        parameter.data.fill_(0.02)

    def step(i: int) -> Losses:
        target, z = next(batches)
        with torch.no_grad():
            clean = generator(Latent(Space.Z, z), noise="none")
            grainy = clean + GRAIN * torch.randn_like(clean[:, :1])
        one, two = (generator(Latent(Space.Z, z), noise="random") for _ in range(2))
        near = patch_distance(one, grainy) + patch_distance(two, grainy)
        return {"energy": 0.5 * (near - patch_distance(one, two))}

    generator.load_state_dict(train(name, generator, step, steps, lr=2e-3, decay=0.98))


def picture_loss(images: list[Tensor], target: Tensor) -> Tensor:
    """L1 and L2 of pixels and L1 of their differences at every resolution; the face counts more than the rest.

    The squares make a rare hat that is missing count for more than many small errors: without them it is learned late.
    """
    total = target.new_zeros(())
    for image in reversed(images):
        weight = 1.0 if image is images[-1] else 0.5
        total = total + weight * difference_loss((image - target) * _face_weight(target.shape[-1]))
        target = F.avg_pool2d(target, 2)
    return total


def difference_loss(difference: Tensor) -> Tensor:
    """L1 and L2 of a difference of pictures, and L1 of its own differences from pixel to pixel."""
    edges = difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()
    return difference.abs().mean() + 2 * difference.square().mean() + 0.75 * edges


def patch_distance(a: Tensor, b: Tensor) -> Tensor:
    return F.avg_pool2d((a - b).square().mean(dim=1, keepdim=True), 8).add(1e-8).sqrt().mean()


def _face_weight(resolution: int) -> Tensor:
    """1 at the border to 3 on the face: [R, R]."""
    x = (torch.arange(resolution) + 0.5) / resolution * 2 - 1
    distance = (x[None, :] / 0.6).square() + ((x[:, None] - 0.1) / 0.7).square()
    return 1 + 2 * torch.exp(-distance.square())


def image_batches(renders: Renders, batch: int) -> Pictures:
    while True:
        for rows in torch.randperm(len(renders)).split(batch):
            if len(rows) == batch:
                yield renders.images[rows].float() / 127.5 - 1, renders.z[rows]


def noise_strengths(generator: Generator) -> list[nn.Parameter]:
    return [p for name, p in generator.named_parameters() if name.endswith("noise_strength")]


if __name__ == "__main__":
    main()
