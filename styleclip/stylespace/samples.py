"""Samples of a generator as CLIP sees them: rendered at the resolution of the losses, kept in the cache folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import NumericError, OutputError, UsageError
from styleclip.latents import Latent, Space
from styleclip.losses import loss_resolution_px
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.progress import OnStep, Step, ignore
from styleclip.runtime.gradients import float32_default
from styleclip.samples import Samples
from styleclip.stylespace.records import network_record
from styleclip.stylespace.statistics import sample_z
from styleclip.weights.sample_files import samples_path, save_samples

BLOCK = 100  # samples rendered together: the features of a sample do not depend on how a run was divided
SAVE_EVERY = 500  # samples between two writes of the cache
W_BATCH = 1000  # samples mapped to W at once


def see_samples(
    models: Models,
    count: int,
    seed: int = 5,
    psi: float = 1.0,
    on_step: OnStep = ignore,
    earlier: Samples | None = None,
) -> Samples:
    """Render `count` samples at the resolution of the losses and encode them with CLIP.

    The first N of more samples have the same features to the last bit: all are rendered in blocks of BLOCK, and what
    exceeds `count` is dropped. (On a GPU up to rounding: the number of images in a batch follows from the free memory.)
    Raises NumericError for features that are not finite.

    Args:
        models: the generator and the CLIP.
        count: N.
        seed: the seed of z, numpy's stream as in `sample_z`.
        psi: truncation of w.
        on_step: gets a step for each block; it counts samples.
        earlier: fewer samples of the same models, seed and psi, which are not rendered again.
    """
    if count < 1:
        raise UsageError(f"cannot draw {count} samples; draw at least 1")
    if earlier is None:
        earlier = Samples(torch.empty(0), seed, psi, image_record(models))
    elif (earlier.seed, earlier.psi) != (seed, psi):
        raise UsageError(
            f"the earlier samples have seed {earlier.seed} and psi {earlier.psi:g}, not {seed} and {psi:g}; draw anew"
        )
    start = len(earlier)
    if count <= start:
        return earlier.first(count)
    numbers = range(start // BLOCK, -(-count // BLOCK))
    found = [earlier.features] if start else []
    for number, block in zip(numbers, see_blocks(models, numbers, seed, psi), strict=True):
        first = number * BLOCK
        found.append(block[max(start - first, 0) : count - first])
        done = min(count, first + BLOCK)
        on_step(Step(done, count, stage="samples"))
    return replace(earlier, features=torch.cat(found), fits={})


@torch.no_grad()
def see_blocks(models: Models, numbers: Sequence[int], seed: int = 5, psi: float = 1.0) -> Iterator[Tensor]:
    """CLIP's unit features [BLOCK, D] of the samples `n * BLOCK` to `(n + 1) * BLOCK - 1` for each of `numbers`."""
    generator = models.generator
    resolution = loss_resolution_px(generator, models.clip, "auto")
    z = sample_z(generator, (max(numbers) + 1) * BLOCK, seed)
    for number in numbers:
        w = _truncated_w(generator, z[number * BLOCK : (number + 1) * BLOCK], psi)
        features = models.clip_features(Latent(Space.W, w), resolution).float().cpu()
        if not features.isfinite().all():
            raise NumericError("CLIP's features of the samples are not finite; use --dtype float32")
        yield features


@torch.no_grad()
def sample_w(generator: Generator, samples: Samples) -> Tensor:
    """W [N, w_dim] of the samples, truncated with their psi, on the generator's device."""
    z = sample_z(generator, len(samples), samples.seed)
    return torch.cat([_truncated_w(generator, part, samples.psi) for part in z.split(W_BATCH)])


@float32_default()
@torch.inference_mode(False)
def models_samples(models: Models, count: int, on_step: OnStep = ignore) -> Samples:
    """At least `count` samples of these models: those in their file, continued where these are fewer.

    New ones are written to the cache folder on the way, so that an interrupted call and the next process go on from
    there; a folder that cannot be written is ignored. Samples stay in memory for the process. Samples that a tuned
    generator draws are kept by that generator only. An adapted generator without samples of its own has those of its
    parent, which draws the missing ones.
    """
    models = sample_models(models)
    tuned = models.provenance.get("tuned")
    key = ("samples", models.generator_fingerprint or models.generator, tuned, models.clip)
    found: Samples | None = models.memo.get(key) or models.memo.get((*key[:2], None, models.clip)) or models.samples()
    if found is None or len(found) < count:  # a block of a large generator takes a minute
        on_step(Step(0 if found is None else len(found), count, stage="samples"))
    while found is None or len(found) < count:
        done = 0 if found is None else len(found)
        next_count = min(count, done - done % SAVE_EVERY + SAVE_EVERY)
        seed, psi = (found.seed, found.psi) if found else (5, 1.0)
        found = see_samples(models, next_count, seed, psi, lambda step: on_step(replace(step, total=count)), found)
        models.memo[key] = found  # from which the next call goes on where this one is interrupted
        if models.generator_fingerprint and not tuned:
            with suppress(OutputError):
                save_samples(found, models.clip, samples_path(models.generator_fingerprint, models.clip))
    models.memo[key] = found
    return found


def sample_models(models: Models) -> Models:
    """The models whose samples are those of `models`: of an adapted generator without samples its parent."""
    parent = models.parent()
    if parent is None:
        return models
    own = models.samples()
    return models if own is not None and own.about.get("generator") == models.generator_fingerprint else parent


def image_record(models: Models) -> dict[str, Any]:
    """The record of the images of samples: their resolution in px, the generator, the CLIP and the precision."""
    return {"resolution": loss_resolution_px(models.generator, models.clip, "auto"), **network_record(models)}


def _truncated_w(generator: Generator, z: Tensor, psi: float) -> Tensor:
    return generator.truncate(Latent(Space.Z, z.to(generator.w_avg.device)), psi).data
