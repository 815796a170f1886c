"""Fine-tune the CLIP of `clip.py` on negations, bound colours and styles: python -m scripts.train_demo.clip_composition

The loss of `clip.py` with the hard negatives of NegCLIP (Yuksekgonul et al. 2023, section 4): every caption has a false
one of nearly the same words, which is one more wrong text for each image and, unless it is true of another one, has no
image of its own. A share of the images are drawn in a style of `styles.py`; one that names no style is true of all.

Needs the renders of `render.py` and the pictures of `generated.py`. Weights are carried over: the embeddings of tokens
by token, new ones begin as the unknown token. The vision tower is that of the demo CLIP; `clip_words.py` trains its
text tower.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scripts.train_demo.clip import MODEL, ParameterScale, label_rows, mask_words
from scripts.train_demo.clip import config as plain_config
from scripts.train_demo.common import WORK, Losses, Renders, augment, float_weights, prepare_process, to_half, train
from scripts.train_demo.statements import NEW_WORDS, Picture, statement_pair
from scripts.train_demo.styles import STYLES, styled
from scripts.train_demo.truth import Statement, truth
from styleclip.demo.captions import caption, state_names
from styleclip.demo.world import ATTRIBUTES, Faces, people_with
from styleclip.networks.clip import CLIP, build_clip
from styleclip.networks.tokenizers import CompactTokenizer


@click.command()
@click.option("--steps", default=950)
@click.option("--batch", default=60)
@click.option("--lr", default=5e-4)
@click.option("--styled", default=0.4, help="Share of the images that are drawn in a style.")
@click.option("--start", type=Path, default=WORK / "clip.safetensors", help="Continue from these weights of clip.py.")
@click.option("--name", default="clip_composition", help="Name of the training state.")
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=WORK / "clip_composition.safetensors")
def main(steps: int, batch: int, lr: float, styled: float, start: Path, name: str, threads: int, out: Path) -> None:
    """Train and write OUT."""
    prepare_process(threads)
    clip = carried_clip(start)
    pictures, scale = Pictures(styled), StatementScale()
    probe = nn.Linear(MODEL["embed_dim"], len(scale.center))

    def step(i: int) -> Losses:
        images, people, styles, labels = pictures(batch)
        rng = random.Random(i)
        true, false = zip(
            *(statement_pair(Picture(*row), rng) for row in zip(labels, styles, strict=True)), strict=True
        )
        features = clip.model.encode_image(clip.preprocess_image(augment(images)))
        texts = clip.model.encode_text(mask_words(clip.tokenizer([each.text for each in (*true, *false)])))
        logits = (
            clip.model.logit_scale.exp().clamp(max=100) * F.normalize(texts, dim=1) @ F.normalize(features, dim=1).T
        )
        seen = (probe(features) - scale(people)).square()[scale.visible(people)].mean()
        said = F.mse_loss(probe(texts[:batch]), torch.stack([scale.expected(each) for each in true]))
        contrast = hard_contrastive_loss(logits, [*true, *false], people, styles)
        return {"contrast": contrast, "seen": 3 * seen, "said": 3 * said}

    modules = nn.ModuleDict({"clip": clip, "probe": probe})
    fit_probe(clip, probe, pictures, scale)
    for layer in (clip.model.visual.conv1, clip.model.visual.conv2, clip.model.visual.conv3):
        layer.requires_grad_(False)  # edges and colours are known; a fifth of the time
    clip.to(memory_format=torch.channels_last).train()
    state = train(name, modules, step, steps, lr=lr, max_grad=5.0, decay=0.99)
    weights = {key.removeprefix("clip."): value for key, value in state.items() if key.startswith("clip.")}
    save_clip(weights, out)


def save_clip(weights: dict[str, Tensor], out: Path) -> None:
    save_file(to_half(weights), out, metadata={"styleclip": "clip", "config": json.dumps(config()), "licence": "MIT"})


def config() -> dict[str, Any]:
    """The configuration of `build_clip`: that of the demo CLIP with more words."""
    old = plain_config()
    words = sorted({*old["vocabulary"], *NEW_WORDS})
    tokens = sorted({*old["tokens"], *CompactTokenizer.tokens_of(words)})
    return old | {"tokens": tokens, "vocabulary": words}


def carried_clip(path: Path) -> CLIP:
    """A CLIP with the words of `config` and the weights of a file: known words keep their features."""
    clip = build_clip(config())
    old = float_weights(path)
    with safe_open(path, "pt") as file:
        tokens = json.loads(file.metadata()["config"])["tokens"]
    rows = carried_rows(tokens, config()["tokens"])
    key = "model.token_embedding.weight"
    clip.load_state_dict(old | {key: old[key][rows]})
    return clip


def carried_rows(old: list[int], new: list[int]) -> Tensor:
    """The row of the old embedding for each row of the new one; 2, the unknown token, for a new token."""
    number = {token: i for i, token in enumerate(old, start=3)}
    return torch.tensor([0, 1, 2, *[number.get(token, 2) for token in new], 3 + len(old)])


def hard_contrastive_loss(logits: Tensor, statements: list[Statement], people: Faces, styles: list[str]) -> Tensor:
    """The symmetric cross entropy of logits [statements, images], uniform over the true pairs.

    Every image is told from all texts; only texts that are true of an image are told from the others.
    """
    true, unclear = truth(statements, people, styles)
    logits = logits.masked_fill(unclear, -1e4)
    texts = true.any(dim=1)
    return 0.5 * (_cross_entropy(logits[texts], true[texts]) + _cross_entropy(logits.T, true.T))


def _cross_entropy(logits: Tensor, true: Tensor) -> Tensor:
    target = true / true.sum(dim=1, keepdim=True).clamp(min=1)
    return -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()


class Pictures:
    """Batches of renders and generated pictures; a share of them in a style, and some of a part of the picture."""

    def __init__(self, styled: float = 0.4) -> None:
        self.styled = styled
        self.renders = Renders(WORK / "renders.safetensors")
        generated = load_file(WORK / "generated.safetensors")
        self.generated, self.parameters = generated["images"], generated["parameters"].float()

    def __call__(self, batch: int) -> tuple[Tensor, Faces, list[str], list[dict[str, int]]]:
        """Images in [-1, 1], their faces, styles and clear states; what a style hides is unclear."""
        made = batch // 2
        rows, drawn = torch.randint(len(self.renders), (batch - made,)), torch.randint(len(self.generated), (made,))
        images, people = self.renders.at(rows)
        images = torch.cat([self.generated[drawn].float() / 127.5 - 1, images])
        people = people_with(torch.cat([self.parameters[drawn], people.parameters]))
        names = random.Random(int(torch.randint(2**31, ()))).choices([*STYLES], k=batch)
        place = torch.randperm(batch).tolist()
        styles = [name if place[i] < self.styled * batch else "" for i, name in enumerate(names)]
        hidden = torch.zeros(batch, len(ATTRIBUTES), dtype=torch.bool)
        for i in range(batch):
            if i % 15 in (1, 2):
                images[i] = part_of(images[i])
                hidden[i] = True
        for name in set(styles) - {""}:
            chosen = torch.tensor([style == name for style in styles])
            images[chosen] = styled(images[chosen], name, seed=int(torch.randint(2**31, ())))
            for k, attribute in enumerate(ATTRIBUTES):
                hidden[chosen, k] |= attribute.name in STYLES[name].hides
        people = hide(people, hidden)
        return images, people, styles, label_rows(people)


def part_of(image: Tensor) -> Tensor:
    """A random square of an image [3, R, R], at its size."""
    size = image.shape[-1]
    side = int(torch.randint(size // 4, 3 * size // 4, ()))
    y, x = (int(torch.randint(size - side + 1, ())) for _ in range(2))
    crop = image[None, :, y : y + side, x : x + side]
    return F.interpolate(crop, size=(size, size), mode="bicubic", antialias=True)[0]


def hide(people: Faces, hidden: Tensor) -> Faces:
    """The faces with the attributes of hidden [N, A] unclear: without a label, and with no probable state."""
    labels, values = dict(people.labels), dict(people.values)
    for k, attribute in enumerate(ATTRIBUTES):
        column = hidden[:, k]
        labels[attribute.name] = labels[attribute.name].masked_fill(column, -1)
        values[attribute.name] = values[attribute.name].masked_fill(column[:, None], 0)
    return replace(people, labels=labels, values=values)


class StatementScale(ParameterScale):
    """Render parameters in standard units, and their expectation given a statement."""

    def __init__(self) -> None:
        super().__init__()
        widths = [1 if len(a.states) == 2 else len(a.states) for a in ATTRIBUTES]
        self.owners = torch.repeat_interleave(torch.arange(len(ATTRIBUTES)), torch.tensor(widths))

    def visible(self, people: Faces) -> Tensor:
        """The parameters [N, K] that a picture shows: geometry only where all is shown."""
        hidden = torch.stack([people.values[a.name].amax(dim=1) == 0 for a in ATTRIBUTES], dim=1)
        shown = torch.ones(len(people), len(self.center), dtype=torch.bool)
        shown[:, : len(self.owners)] = ~hidden[:, self.owners]
        shown[:, len(self.owners) :] = ~hidden.any(dim=1, keepdim=True)
        return shown

    def expected(self, item: Statement) -> Tensor:  # type: ignore[override]
        """The mean over the faces of which the statement is true."""
        total = torch.zeros_like(self.center)
        for claim in item.claims.items():
            total = total + self._means[claim]
        for name, state in item.excluded.items():
            others = [self._means[(name, k)] for k in range(len(state_names(name))) if k != state]
            total = total + torch.stack(others).mean(dim=0)
        return total


@torch.no_grad()
def fit_probe(clip: CLIP, probe: nn.Linear, pictures: Pictures, scale: ParameterScale, count: int = 1024) -> None:
    """Begin with the linear probe that fits images and captions under the weights carried over."""
    clip.eval()
    rng = random.Random(0)
    images, people = pictures.renders.at(torch.arange(count))
    captions = [caption(row, rng) for row in label_rows(people)]
    seen = [clip.model.encode_image(clip.preprocess_image(part)) for part in images.split(128)]
    said = clip.model.encode_text(clip.tokenizer([each.text for each in captions]))
    values = torch.cat([scale(people), *(ParameterScale.expected(scale, each)[None] for each in captions)])
    solution = torch.linalg.lstsq(F.pad(torch.cat([*seen, said]), (0, 1), value=1.0), values).solution
    probe.weight.copy_(solution[:-1].T)
    probe.bias.copy_(solution[-1])


if __name__ == "__main__":
    main()
