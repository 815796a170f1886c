"""Train a small CLIP on captioned renders, the first step to the demo CLIP: python -m scripts.train_demo.clip

The loss is CLIP's symmetric contrastive loss. A caption may be true of several images of a batch; its target is then
uniform over them, so attributes that it does not mention do not change its similarity. A linear probe predicts the
render parameters from image features, and from caption features their mean over the images of the caption. It makes
small attributes (eyes, freckles) count and aligns both towers. With `--generator` half of the images come from the
generator, so that its artefacts are not mistaken for attributes; half of those are latents that editors reach, between
and beyond the training faces.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import click
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from scripts.train_demo.common import WORK, Losses, Renders, augment, float_weights, prepare_process, to_half, train
from styleclip.demo.captions import Caption, caption, matches, vocabulary
from styleclip.demo.world import ATTRIBUTES, Z_DIM, Faces, faces, people_with, with_state
from styleclip.latents import Latent, Space
from styleclip.networks.clip import CLIP, build_clip
from styleclip.networks.generator import Generator
from styleclip.networks.tokenizers import CompactTokenizer
from styleclip.prompts import TEMPLATES
from styleclip.stylespace.statistics import whitening_basis
from styleclip.weights.load import load_generator

MODEL = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 2, 1], "width": 24, "head_width": 64},
    "text_cfg": {"context_length": 32, "width": 128, "heads": 4, "layers": 2},
}


@click.command()
@click.option("--steps", default=3000)
@click.option("--batch", default=128)
@click.option("--lr", default=1e-3)
@click.option("--generator", type=Path, help="A trained demo generator: half of the pictures come from it.")
@click.option("--start", type=Path, help="Continue from these weights.")
@click.option("--name", default="clip", help="Name of the training state.")
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=WORK / "clip.safetensors")
def main(
    steps: int, batch: int, lr: float, generator: Path | None, start: Path | None, name: str, threads: int, out: Path
) -> None:
    """Train and write OUT."""
    prepare_process(threads)
    clip, renders = build_clip(config()), Renders(WORK / "renders.safetensors")
    if start is not None:
        clip.load_state_dict(float_weights(start))
    painter = GeneratorImages(load_generator(generator)) if generator else None
    scale = ParameterScale()
    probe = nn.Linear(MODEL["embed_dim"], len(scale.center))
    batches = renders.batches(batch)

    def step(i: int) -> Losses:
        images, people = next(batches) if painter is None or i % 2 else painter(batch)
        rng = random.Random(i)
        captions = [caption(row, rng) for row in label_rows(people)]
        features = clip.model.encode_image(clip.preprocess_image(augment(images)))
        texts = clip.model.encode_text(mask_words(clip.tokenizer([in_template(c, rng) for c in captions])))
        return caption_losses(clip, probe, scale, features, texts, captions, people)

    modules = nn.ModuleDict({"clip": clip, "probe": probe})
    clip.to(memory_format=torch.channels_last).train()
    state = train(name, modules, step, steps, lr=lr, max_grad=5.0)
    weights = {key.removeprefix("clip."): value for key, value in state.items() if key.startswith("clip.")}
    save_file(to_half(weights), out, metadata={"styleclip": "clip", "config": json.dumps(config()), "licence": "MIT"})


def config() -> dict[str, Any]:
    """The configuration of `build_clip`, stored beside the weights."""
    words = vocabulary()
    framing = " ".join(template.format("") for template in TEMPLATES)
    tokens = CompactTokenizer.tokens_of([*words, *framing.split(), "-", ".", ","])
    half = [0.5, 0.5, 0.5]
    return {"name": "demo", "model": MODEL, "tokens": tokens, "vocabulary": words, "mean": half, "std": half}


def caption_losses(
    clip: CLIP,
    probe: nn.Module,
    scale: ParameterScale,
    features: Tensor,
    texts: Tensor,
    captions: list[Caption],
    people: Faces,
) -> Losses:
    """The contrastive loss of features of pictures and texts, and those of the probe on both."""
    logits = clip.model.logit_scale.exp().clamp(max=100) * F.normalize(texts, dim=1) @ F.normalize(features, dim=1).T
    seen = F.mse_loss(probe(features), scale(people))
    said = F.mse_loss(probe(texts), torch.stack([scale.expected(c) for c in captions]))
    return {"contrast": contrastive_loss(logits, captions, people), "seen": 3 * seen, "said": 3 * said}


def contrastive_loss(logits: Tensor, captions: list[Caption], people: Faces) -> Tensor:
    """Symmetric cross entropy of logits [captions, images] with a uniform target over the true pairs."""
    true, unclear = matches(captions, people)
    logits = logits.masked_fill(unclear, -1e4)
    return 0.5 * (_uniform_cross_entropy(logits, true) + _uniform_cross_entropy(logits.T, true.T))


def _uniform_cross_entropy(logits: Tensor, true: Tensor) -> Tensor:
    target = true / true.sum(dim=1, keepdim=True)
    return -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()


def in_template(item: Caption, rng: random.Random) -> str:
    """The caption, with probability 1/4 inside a template of prompt ensembling."""
    if rng.random() < 0.75:
        return item.text
    text = item.text.split(" ", 1)[1] if rng.random() < 0.5 else item.text
    return rng.choice(TEMPLATES).format(text)


def mask_words(tokens: Tensor, share: float = 0.02) -> Tensor:
    """Replace a random share of words by the unknown token, so that features are robust to unknown words."""
    ordinary = (tokens > 2) & (tokens < tokens.max())
    return tokens.masked_fill(ordinary & (torch.rand(tokens.shape) < share), 2)


class GeneratorImages:
    """Images of the generator and their attributes: from z, or by a linear probe of w where w has no z."""

    def __init__(self, generator: Generator) -> None:
        self.generator, self.basis = generator, whitening_basis(generator, Space.W).basis
        z = torch.randn(20000, Z_DIM, generator=torch.Generator().manual_seed(3))
        self.probe = torch.linalg.lstsq(self._with_one(generator.map(z)), faces(z).parameters).solution

    @torch.no_grad()
    def __call__(self, batch: int) -> tuple[Tensor, Faces]:
        z = torch.randn(batch, Z_DIM)
        w, people = self.generator.map(z), faces(z)
        if torch.rand(()) < 0.5:
            w = self.edited_w(z, w)
            people = people_with(self._with_one(w) @ self.probe)
        return self.generator(Latent(Space.W, w), noise="random").clamp(-1, 1), people

    def edited_w(self, z: Tensor, w: Tensor, groups: int = 16) -> Tensor:
        """w moved towards a face with another state of one attribute, or beyond it, plus noise."""
        others = []
        for part in z.chunk(groups):
            kind = ATTRIBUTES[int(torch.randint(len(ATTRIBUTES), ()))]
            others.append(with_state(part, kind.name, kind.states[int(torch.randint(len(kind.states), ()))]))
        amount = torch.empty(len(w), 1).uniform_(0, 1.5)
        noise = torch.empty(len(w), 1).uniform_(0, 0.5) * torch.randn_like(w)
        return w + amount * (self.generator.map(torch.cat(others)) - w) + noise @ self.basis

    @staticmethod
    def _with_one(w: Tensor) -> Tensor:
        return F.pad(w, (0, 1), value=1.0)


def label_rows(people: Faces) -> list[dict[str, int]]:
    columns = {name: labels.tolist() for name, labels in people.labels.items()}
    return [{name: column[i] for name, column in columns.items()} for i in range(len(people))]


class ParameterScale:
    """Render parameters in standard units: of faces, and their expectation given a caption."""

    def __init__(self) -> None:
        people = faces(torch.randn(16384, Z_DIM, generator=torch.Generator().manual_seed(2)))
        self.center, self.spread = people.parameters.mean(dim=0), people.parameters.std(dim=0)
        standard = self(people)
        self._means = {
            (a.name, k): standard[people.labels[a.name] == k].mean(dim=0)
            for a in ATTRIBUTES
            for k in range(len(a.states))
        }

    def __call__(self, people: Faces) -> Tensor:  # [N, K]
        return (people.parameters - self.center) / self.spread

    def expected(self, item: Caption) -> Tensor:  # [K]
        """The mean over the faces of which the caption is true: attributes are independent, so the claims add up."""
        return sum((self._means[claim] for claim in item.claims.items()), torch.zeros_like(self.center))


if __name__ == "__main__":
    main()
