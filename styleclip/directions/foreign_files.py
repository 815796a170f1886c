"""Directions in files of other authors, for a generator (`weights.direction_readings`): names, layers, doubts.

No number is scaled: one alpha is the length of the vector in the file, or the standard deviation that the file has.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError, WeightWarning
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.runtime.warnings_of_thread import warn
from styleclip.text.names import different_names, slug
from styleclip.weights.catalog import Weight
from styleclip.weights.direction_files import REMEDY, read_directions
from styleclip.weights.direction_readings import Steps, read_steps
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats.code_tables import KEYS as LATENT_KEYS
from styleclip.weights.formats.component_tables import GANSPACE
from styleclip.weights.formats.direction_tables import KEYS, MAX_DIRECTIONS
from styleclip.weights.formats.found_direction import ANY_FORMAT, FoundDirection
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.style_tables import check_finite
from styleclip.weights.hub import hub_origin
from styleclip.weights.lineage import parents
from styleclip.weights.recognition import belongs_to, generator_weight, known_weight, warn_of_other_generator

NO_NAMES = (*KEYS, *LATENT_KEYS)  # keys that name the kind of a tensor, not the direction
SAME_GENERATOR, OTHER_GENERATOR = 0.99, 0.9  # cosine of a mean of W with w_avg; that of 100 samples has 0.999
UNKNOWN_GENERATOR = (
    "its generator cannot be known: vectors like it belong to StyleGAN 1 or 2, and some to z; look at a few strengths "
    "before you rely on it"
)
NEAR_LATENTS = (
    "its numbers are nearer to the average w than to 0, as those of latents are; it is read as a direction, as asked, "
    "and latents are opened with --latent"
)


def read_foreign(
    path: Path, models: Models, space: Space | None, absolute: bool, with_layers: bool
) -> list[LatentDirection]:
    """All directions of a file of another author, with unique names, in float32 on the CPU.

    Args:
        path: a file, or a folder with the styles of every layer.
        models: for whose generator they are.
        space: instead of a guess from the shape.
        absolute: keep the mean in the file as center, or 0.
        with_layers: move only the layers that the file says.
    """
    with error_context(path, REMEDY):
        tables = read_directions(path)
        known = None if path.is_dir() else known_weight(path)
        warn_of_other_generator(known, catalog_generator(models))
        steps = [read_steps(found, models.generator, space) for found in tables]
        if sum(len(each.data) for each in steps) > MAX_DIRECTIONS:
            raise WeightError(f"it holds more than {MAX_DIRECTIONS} directions; pass latents with --latent")
        generator, note = _compare_mean(tables[0], models)
        if belongs_to(known, catalog_generator(models)):
            generator = models.first_fingerprint
        notes, directions = [note], list[LatentDirection]()
        for number, (found, each) in enumerate(zip(tables, steps, strict=True)):
            notes += [*found.notes, each.note, _doubt(found, each, models, known)]
            names = _names(found, number, len(each.data), len(tables), known.name if known else path.stem)
            center = _center(found, models) if absolute and each.space is not Space.S else None
            read = _directions(found, each, names, center, _origin(found, path, known))
            directions += [_with_own_layers(one, found, models) for one in read] if with_layers else read
    for note in filter(None, dict.fromkeys(notes)):
        warn(f"{path.name}: {note}", WeightWarning, stacklevel=3)
    licence, span = (known.licence, known.range) if known else ("", None)
    names = different_names(each.name for each in directions)
    return [
        replace(each, name=name, generator=generator, licence=licence, range=each.range or span)
        for each, name in zip(directions, names, strict=True)
    ]


def _directions(
    found: FoundDirection, steps: Steps, names: list[str], center: Tensor | None, origin: dict[str, Any]
) -> list[LatentDirection]:
    """A direction for each row of the steps."""
    return [
        LatentDirection(
            steps.space,
            data[None],
            name,
            alpha=found.alpha,
            range=found.range,
            center=center,
            origin={**origin, "name": name},
        )
        for name, data in zip(names, steps.data, strict=True)
    ]


def _origin(found: FoundDirection, path: Path, known: Weight | None) -> dict[str, Any]:
    """The record of a file: its name and hash, its entry in the catalog, and what it says itself."""
    source = "file" if found.format == ANY_FORMAT else found.format
    file = {"source_file": path.name} | ({} if path.is_dir() else {"source_sha256": sha256_of(path)})
    entry = {"catalog": known.name, "for": known.generator} if known else {}
    return {"source": source, **file, **entry, **hub_origin(path), **found.facts}


def _with_own_layers(direction: LatentDirection, found: FoundDirection, models: Models) -> LatentDirection:
    """The direction on the layers that the file says. Raises WeightError where the generator has fewer."""
    count = models.generator.num_ws
    if found.layers is None or found.layers in [(0, rows - 1) for rows in models.generator.row_counts]:
        return direction
    first, last = found.layers
    if last >= count:
        raise WeightError(
            f"it moves the layers {first}-{last}, and this generator has 0-{count - 1}; pass the generator that it was "
            "made for with --model"
        )
    return direction.with_layers(range(first, last + 1), count)


def _compare_mean(found: FoundDirection, models: Models) -> tuple[str | None, str]:
    """The fingerprint of the generator where the mean in the file is that of its W, and the note on one far off."""
    if found.center is None:
        return None, ""
    mean, average = check_finite(found.center.read(), "mean").double(), models.generator.w_avg.double().cpu()
    if mean.shape != average.shape:
        raise WeightError(f"its mean has {len(mean)} numbers, and w {len(average)}; pass its generator with --model")
    cosine = torch.cosine_similarity(mean, average, dim=0).item()
    other = (
        f"its mean is not that of this generator (their cosine is {cosine:.2f}), so it belongs to another one; pass "
        "that one with --model"
    )
    return models.first_fingerprint if cosine >= SAME_GENERATOR else None, other if cosine < OTHER_GENERATOR else ""


def _doubt(found: FoundDirection, steps: Steps, models: Models, known: Weight | None) -> str:
    """What the user should know of a vector that tells nothing of its origin; "" for nothing."""
    if found.format != ANY_FORMAT or known or steps.space is Space.S:
        return ""
    average = models.generator.w_avg.float().cpu()
    if bool((2 * steps.data @ average > average.square().sum()).all()):
        return NEAR_LATENTS
    doubtful = len(steps.data) == 1 and steps.space is Space.W and found.tensor.read().dtype is torch.float64
    return UNKNOWN_GENERATOR if doubtful else ""


def _center(found: FoundDirection, models: Models) -> Tensor:
    """[w_dim], from which coordinates count: the mean in the file, for GANSpace else that of W, for boundaries 0."""
    if found.center is not None:
        return found.center.read().float()
    average = models.generator.w_avg.detach().float().cpu()
    return average if found.format == GANSPACE else torch.zeros_like(average)


def _names(found: FoundDirection, number: int, count: int, tables: int, title: str) -> list[str]:
    """The names of the directions in a table: its own, the file's `title` where it is the only one, else numbers."""
    name = slug(found.name) if found.name and found.name.lower() not in NO_NAMES else ""
    if count == 1:
        return [name or (slug(title) if tables == 1 else str(number))]
    return [f"{name}-{i}" if name else str(i) for i in range(count)]


def catalog_generator(models: Models) -> Weight | None:
    """The generator of models as the catalog knows it, of an adapted one its nearest parent there; None for others."""
    record = models.provenance.get("generator") or {}
    found = (generator_weight(each.get("name", ""), each.get("sha256")) for each in (record, *parents(record)) if each)
    return next(filter(None, found), None)
