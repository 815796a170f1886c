"""Scores of samples, by which a boundary tells those that show an attribute: CLIP's for a text, or those of a table."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Latent, Space
from styleclip.losses import loss_resolution_px
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.samples import Samples
from styleclip.seeds import sample_z
from styleclip.settings import MAX_SEED, TextEncoding
from styleclip.stylespace.claim_classes import ClaimClasses, claim_classes
from styleclip.stylespace.samples import models_samples, sample_w
from styleclip.text.text_files import read_text

MAX_TABLE_BYTES = 2**26
SEPARATORS = (",", ";", "\t")
SEED, SCORE = "seed", "score"
MAX_SHOWN = 40  # characters of a cell in a message
EXAMPLE = "write a line `seed,score` and below it lines like `7,0.93`"

Value = TypeVar("Value", int, float)


class ScoreTable(NamedTuple):
    """Scores [N] float64, and the seed of each; None where they belong to the rows of a file of latents."""

    scores: Tensor
    seeds: tuple[int, ...] | None


def clip_scores(models: Models, prompt: Prompt, features: Tensor, text: TextEncoding = "prompt") -> Tensor:
    """[N] in 0..1, float64: CLIP's probability that pictures show the prompt, of its claims the one shown least.

    For a claim it is that of its targets against its alternatives (Radford et al. 2021, section 3.1), where those that
    no picture shows do not count. Without alternatives the cosine with the target stands against the middle between
    LEAST and MOST of `claim_classes`.

    Args:
        models: of which the generator draws the pictures and the CLIP sees them.
        prompt: the attribute.
        features: [N, D], CLIP's unit features of the pictures.
        text: whether texts are averaged over CLIP's templates.
    """
    samples = Samples(features.float().cpu())
    classes = claim_classes(models, prompt, samples, text)
    return torch.stack([_log_odds(each, samples.features) for each in classes]).amin(dim=0).double().sigmoid()


def drawn_samples(models: Models, count: int, on_step: OnStep = ignore) -> tuple[Latent, Tensor]:
    """The first `count` samples of `models_samples`: their latents in W, and CLIP's features [N, D]."""
    samples = models_samples(models, count, on_step).first(count)
    return Latent(Space.W, sample_w(models.generator, samples)), samples.features


def seen_features(models: Models, latent: Latent) -> Tensor:
    """CLIP's unit features [N, D] of the pictures of latents, at the resolution of the losses."""
    return models.clip_features(latent.to(models.device), loss_resolution_px(models.generator, models.clip, "auto"))


def seed_latents(models: Models, seeds: Sequence[int]) -> Latent:
    """The latents in Z of seeds, as `styleclip sample` draws them."""
    return Latent(Space.Z, sample_z(seeds, models.generator.config.z_dim).to(models.device))


def _log_odds(classes: ClaimClasses, features: Tensor) -> Tensor:
    """[N]: how much more images with these features [N, D] show the targets than the other classes."""
    logits = classes.scale * features @ classes.features.T.to(features)
    if classes.edges is not None:
        return logits[:, 0] - classes.scale * sum(classes.edges) / 2
    target, other = logits.tensor_split([classes.targets], dim=1)
    return target.logsumexp(dim=1) - other.logsumexp(dim=1)


def read_scores(path: Path) -> ScoreTable:
    """The scores of a CSV file with the columns `seed` and `score`, or with `score` alone, one for each latent.

    Columns are apart by comma, semicolon or tab. A file without a line of names has the seed and the score, or the
    score. Raises UsageError that names the line.
    """
    lines = read_text(path, MAX_TABLE_BYTES).splitlines()
    mark = max(SEPARATORS, key=lambda mark: lines[0].count(mark) if lines else 0)
    table = csv.reader(lines, delimiter=mark, skipinitialspace=True)
    try:
        rows = [(number, [cell.strip() for cell in row]) for number, row in enumerate(table, start=1) if any(row)]
    except csv.Error as error:
        raise UsageError(f"line {table.line_num} of {path} is no line of a table ({error}); {EXAMPLE}") from error
    names = [name.lower() for name in rows[0][1]] if rows else [SCORE]
    if SCORE in names:
        rows = rows[1:]
    elif len(names) <= 2 and _number(names[-1]) is not None:
        names = [SEED, SCORE][-len(names) :]
    else:
        raise UsageError(f"{path} has no column {SCORE!r} but {', '.join(names)[:80]}; {EXAMPLE}")
    if not rows:
        raise UsageError(f"{path} holds no scores; {EXAMPLE}")
    scores: list[float] = []
    lines_of: dict[int, int] = {}  # seed -> its line
    for line, row in rows:
        cells = dict(zip(names, row, strict=False))
        scores.append(_read(cells, SCORE, _number, "no finite number", line, path))
        if SEED in names:
            seed = _read(cells, SEED, _seed, "no seed", line, path)
            if lines_of.setdefault(seed, line) != line:
                raise UsageError(f"lines {lines_of[seed]} and {line} of {path} both have seed {seed}; delete one")
    return ScoreTable(torch.tensor(scores, dtype=torch.float64), tuple(lines_of) if SEED in names else None)


def _read(
    cells: Mapping[str, str], name: str, parse: Callable[[str], Value | None], fault: str, line: int, path: Path
) -> Value:
    """The value in a column of a line."""
    text = cells.get(name, "")
    value = parse(text)
    if value is None:
        shown = repr(text[:MAX_SHOWN]) if text else "empty"
        raise UsageError(f"line {line} of {path}: its {name} is {shown}, {fault}; mend or delete that line")
    return value


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _seed(text: str) -> int | None:
    """A whole number from 0 to MAX_SEED."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_SEED else None
