"""Train the text tower of the demo CLIP on plain English: python -m scripts.train_demo.clip_words

The vision tower is that of `clip_composition.py`, frozen. The loss is its contrastive loss with hard negatives, between
captions of `statements.py` and features of pictures that `picture_features.py` has computed; every batch has more
pictures than captions. Three more losses: a margin between the pictures of which a text is true and the others, the
cross entropy of the states of each attribute named in one form of sentence, and a probe of render parameters. Words are
embedded as `word_embedding.py` says, from the vectors of `word_vectors.py`; those that the start knows begin as there.
"""

from __future__ import annotations

import json
import random
from itertools import chain
from pathlib import Path
from typing import Any

import click
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from scripts.train_demo.clip import MODEL, mask_words
from scripts.train_demo.clip_composition import StatementScale, hard_contrastive_loss
from scripts.train_demo.common import WORK, Losses, float_weights, prepare_process, to_half, train
from scripts.train_demo.picture_features import Features, load_features
from scripts.train_demo.plain_pieces import Spec, piece_of
from scripts.train_demo.plain_sentences import FORMS, sentence
from scripts.train_demo.reserved import TUNING, is_reserved, measured_wordings
from scripts.train_demo.statements import Picture, statement_pair
from scripts.train_demo.truth import truth
from scripts.train_demo.vocabulary import Vocabulary, load_vocabulary
from scripts.train_demo.word_embedding import WordEmbedding
from scripts.train_demo.wording_scores import LEAST, auc_of
from styleclip.demo.captions import state_text
from styleclip.demo.world import ATTRIBUTES, Faces
from styleclip.networks.clip import build_clip
from styleclip.networks.tokenizers import CompactTokenizer, WordTokenizer
from styleclip.prompts import TEMPLATES

EVALUATE_EVERY = 250  # steps
MARGIN = 1.0  # of logits, between the pictures of which a text is true and the others
LOGIT_SCALE = (
    17.0  # in the file: as sure of generated pictures as the CLIP of `clip.py`; training has that of the start
)
PLAIN = 0.6  # share of the captions in plain English


@click.command()
@click.option("--steps", default=4000)
@click.option("--batch", default=112, help="Captions, each with a hard negative.")
@click.option("--pictures", default=384, help="Pictures of a batch; the first ones are those of the captions.")
@click.option("--lr", default=1e-3)
@click.option("--unseen", default=0.25, help="Share of the words that are taken for unseen ones.")
@click.option("--start", type=Path, help="The CLIP whose vision tower is kept; by default of clip_composition.py.")
@click.option("--name", default="clip_words", help="Name of the training state.")
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=Path("checkpoints/demo/clip.safetensors"))
def main(
    steps: int,
    batch: int,
    pictures: int,
    lr: float,
    unseen: float,
    start: Path | None,
    name: str,
    threads: int,
    out: Path,
) -> None:
    """Train and write OUT."""
    prepare_process(threads)
    start = start or WORK / "clip_composition.safetensors"
    vocabulary, features, scale = load_vocabulary(WORK), load_features(), StatementScale()
    old = float_weights(start)
    tower, embedding = begin(start, old, vocabulary)
    context = MODEL["text_cfg"]["context_length"]
    tokenizer, of_captions = (
        WordTokenizer(words, context) for words in (vocabulary.words, vocabulary.words[: vocabulary.known])
    )
    probe = nn.Linear(MODEL["embed_dim"], len(scale.center))
    factor = old["model.logit_scale"].exp()

    def step(i: int) -> Losses:
        if i % EVALUATE_EVERY == 0:
            report_tuning(tower, embedding, tokenizer, features)
        shown = features[torch.randint(len(features), (pictures,))]
        rng = random.Random(i)
        true, false = zip(
            *(
                statement_pair(Picture(*row), rng, PLAIN)
                for row in zip(shown.labels[:batch], shown.styles[:batch], strict=True)
            ),
            strict=True,
        )
        statements, of_states = [*true, *false], state_texts(rng)
        written = [*(each.text for each in statements), *chain(*of_states)]
        encoded = encode_tokens(tower, embedding(unseen), mask_words(of_captions(written)))
        texts, naming = encoded[: len(statements)], F.normalize(encoded[len(statements) :], dim=1)
        logits = factor * F.normalize(texts, dim=1) @ shown.features.T
        said = F.mse_loss(probe(texts[:batch]), torch.stack([scale.expected(each) for each in true]))
        contrast = hard_contrastive_loss(logits, statements, shown.people, shown.styles)
        ranks = rank_loss(logits, *truth(statements, shown.people, shown.styles))
        states = state_loss(factor * shown.features @ naming.T, shown.people)
        return {"contrast": contrast, "said": said, "states": states, "ranks": ranks}

    modules = nn.ModuleDict({"tower": tower, "embedding": embedding, "probe": probe})
    state = train(name, modules, step, steps, lr=lr, max_grad=5.0, decay=0.995)
    modules.load_state_dict(state)
    report_tuning(tower, embedding, tokenizer, features)
    old["model.logit_scale"] = torch.tensor(LOGIT_SCALE).log()
    save_clip(old, tower, embedding, vocabulary, out)


def state_texts(rng: random.Random) -> list[list[str]]:
    """A sentence for every state of each attribute, in one form: canonical, in a template, or in plain English.

    The canonical ones of what is worn ("a face wearing a hat") are those that `styleclip evaluate --clip` asks beside
    their denials, which are in no caption.
    """
    found = []
    for attribute in ATTRIBUTES:
        texts = [state_text(attribute.name, k) for k in range(len(attribute.states))]
        way, seed, form = rng.random(), rng.random(), rng.choice(FORMS)
        if 0.35 < way < 0.55:
            template = rng.choice(TEMPLATES)
            texts = [template.format(text.split(" ", 1)[1]) for text in texts]
        elif way > 0.55:
            pieces = [piece_of(Spec(attribute.name, k), rng) for k in range(len(texts))]
            plain = [sentence([piece], form, seed).text for piece in pieces]
            texts = texts if any(map(is_reserved, plain)) else plain
        found.append(texts)
    return found


def state_loss(logits: Tensor, people: Faces) -> Tensor:
    """The mean over attributes of the cross entropy of their states, each as likely: logits [N, states of all]."""
    losses = []
    columns = logits.split([len(each.states) for each in ATTRIBUTES], dim=1)
    for attribute, each in zip(ATTRIBUTES, columns, strict=True):
        labels = people.labels[attribute.name]
        shares = torch.bincount(labels[labels >= 0], minlength=each.shape[1]).clamp(min=1)
        losses.append(F.cross_entropy(each, labels, weight=1 / shares, ignore_index=-1))
    return torch.stack(losses).mean()


def rank_loss(logits: Tensor, true: Tensor, unclear: Tensor) -> Tensor:
    """How far the pictures of which a text is true fail to score above the others: logits [texts, pictures].

    Denials, which are true of most pictures, count here as much as claims.
    """
    false = ~true & ~unclear
    both = true.any(dim=1) & false.any(dim=1)
    logits, right, wrong = logits[both], true[both].float(), false[both].float()
    means = [(logits * each).sum(dim=1, keepdim=True) / each.sum(dim=1, keepdim=True) for each in (right, wrong)]
    above = (F.softplus(MARGIN + logits - means[0]) * wrong).sum(dim=1) / wrong.sum(dim=1)
    below = (F.softplus(MARGIN + means[1] - logits) * right).sum(dim=1) / right.sum(dim=1)
    return (above + below).mean()


class TextTower(nn.Module):
    """The text tower of an open_clip CLIP without its token embedding."""

    mask: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.positional_embedding, self.transformer = model.positional_embedding, model.transformer
        self.ln_final, self.text_projection = model.ln_final, model.text_projection
        self.register_buffer("mask", model.attn_mask, persistent=False)

    def forward(self, x: Tensor, ends: Tensor) -> Tensor:
        """Embedded tokens [N, L, width] and the place of the end [N] -> features [N, D]."""
        length = x.shape[1]
        x = self.transformer(x + self.positional_embedding[:length], attn_mask=self.mask[:length, :length])
        return self.ln_final(x[torch.arange(len(x)), ends]) @ self.text_projection


def encode_tokens(tower: nn.Module, rows: Tensor, tokens: Tensor, group: int = 56) -> Tensor:
    """Features [N, D] of numbered words [N, context], whose embeddings are `rows`.

    Texts of about one length are encoded together, without the columns of padding.
    """
    ends = tokens.argmax(dim=1)
    order = ends.argsort()
    features = [tower(rows[tokens[part, : int(ends[part[-1]]) + 1]], ends[part]) for part in order.split(group)]
    return torch.cat(features)[order.argsort()]


def begin(start: Path, old: dict[str, Tensor], vocabulary: Vocabulary) -> tuple[TextTower, WordEmbedding]:
    """The text tower of a small CLIP, and the embedding of words: known ones begin as they are, or as their token."""
    with safe_open(start, "pt") as file:
        config = json.loads(file.metadata()["config"])
    clip = build_clip(config)
    clip.load_state_dict(old)
    rows, tokenizer = old["model.token_embedding.weight"], clip.tokenizer
    assert isinstance(tokenizer, CompactTokenizer | WordTokenizer)
    numbers = tokenizer(vocabulary.words[: vocabulary.known])
    carried = (numbers[:, 2] == tokenizer.end) & (numbers[:, 1] > 2)
    embedding = WordEmbedding(vocabulary.vectors, vocabulary.known, vocabulary.content, rows.shape[1])
    embedding.begin(rows[numbers[:, 1]], carried, torch.stack([rows[0], rows[1], rows[2], rows[-1]]))
    print(
        f"{int(carried.sum())} of {vocabulary.known} words of captions are carried over, {len(vocabulary.words)} in all"
    )
    return TextTower(clip.model), embedding


@torch.no_grad()
def report_tuning(tower: nn.Module, embedding: WordEmbedding, tokenizer: WordTokenizer, features: Features) -> None:
    """Print the areas under the curve of the tuning wordings on photos."""
    photos = torch.tensor([i for i, style in enumerate(features.styles) if not style])[:3000]
    wordings = measured_wordings(TUNING)
    texts = encode_tokens(tower, embedding(), tokenizer([each.text for each in wordings]))
    scores = F.normalize(texts, dim=1) @ features.features[photos].T
    people = features.people[photos]
    found = []
    for wording, score in zip(wordings, scores, strict=True):
        found.append((auc_of(score, wording.claims, wording.excluded, people.labels), wording.text))
    worst = ", ".join(f"{text} {value:.3f}" for value, text in sorted(found)[:8])
    reached = sum(value >= LEAST for value, _ in found)
    print(
        f"tuning: {reached} of {len(found)} reach {LEAST}, mean {sum(v for v, _ in found) / len(found):.4f}; {worst}",
        flush=True,
    )


def save_clip(
    old: dict[str, Tensor], tower: TextTower, embedding: WordEmbedding, vocabulary: Vocabulary, out: Path
) -> None:
    """Write the CLIP: the vision tower as it was, bit for bit, and the trained text tower."""
    weights = old | {f"model.{key}": value for key, value in tower.state_dict().items()}
    weights["model.token_embedding.weight"] = embedding().detach()
    half = [0.5, 0.5, 0.5]
    config = {"name": "demo", "model": MODEL, "words": vocabulary.words, "neighbours": vocabulary.neighbours}
    config |= {"mean": half, "std": half}
    metadata = {"styleclip": "clip", "config": json.dumps(config, separators=(",", ":")), "licence": "MIT"}
    save_file(to_half(weights), out, metadata=metadata)


if __name__ == "__main__":
    main()
