"""Samples of a generator as CLIP sees them, as files.

safetensors with the metadata `{"styleclip": "samples", "about": JSON}` and these tensors:

| tensor | shape | |
|---|---|---|
| `features` | [N, D] | CLIP's unit features; may be half precision |
| `probe` | [D] | CLIP's features of one text, which identify the CLIP under any name |
| `w.matrix`, `w.feature_mean`, `w.mean`, `w.std` | [D, C], [D], [C], [C] | the regression of W, where there is one |
| `s.matrix`, ... | | the same of S |

`about` has `samples` (N), `seed`, `psi`, `resolution` (of the images, in px), the generator, the CLIP, and `fits`:
`ridge`, `explained` and `samples` of every regression by its space. An incomplete file, of an interrupted run or of a
shard, also has the tensor `rows` [k], the numbers of its k samples, and `"shard": "I/N"` in `about`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import Space
from styleclip.networks.clip import CLIP
from styleclip.samples import Regression, Samples
from styleclip.weights.cache import Fetch
from styleclip.weights.catalog import home
from styleclip.weights.formats.messages import error_context, short_repr
from styleclip.weights.formats.own_checks import check_shapes, count_of, number_of
from styleclip.weights.formats.own_files import read_own, save_own
from styleclip.weights.lineage import ancestry, family
from styleclip.weights.locate import weight_file
from styleclip.weights.provenance import cache_name, check_provenance, probe

REMEDY = "make the samples again with `styleclip prepare --method regression`"
OTHER_REMEDY = "make those of this one with `styleclip prepare --method regression`"
NO_ORIGIN = ("samples", "seed", "psi", "fits", "shard")  # keys of the record of a file that Samples.about lacks
FIT_TENSORS = ("matrix", "feature_mean", "mean", "std")  # of Regression


def save_samples(samples: Samples, clip: CLIP | Tensor, path: str | Path, dtype: torch.dtype = torch.float32) -> Path:
    """Write samples and their fits atomically; raises OutputError where they cannot be written.

    `clip` is the CLIP that saw them, or its `probe`.
    """
    tensors = {"features": samples.features, "probe": clip if isinstance(clip, Tensor) else probe(clip)}
    for space, fit in samples.fits.items():
        tensors |= {f"{space.value}.{name}": getattr(fit, name) for name in FIT_TENSORS}
    return save_own("samples", tensors, path, samples_record(samples), dtype=dtype)


def samples_record(samples: Samples) -> dict[str, Any]:
    """The `about` of the file of these samples."""
    fits = {
        space.value: {"ridge": fit.ridge, "explained": fit.explained, "samples": fit.samples}
        for space, fit in samples.fits.items()
    }
    drawn = {"samples": len(samples), "seed": samples.seed, "psi": samples.psi}
    return {**drawn, **samples.about, **({"fits": fits} if fits else {})}


def read_samples(path: str | Path) -> tuple[Samples, Tensor]:
    """The samples in a file of any generator, and the `probe` of the CLIP that saw them.

    Raises WeightError for a file without samples, or with a part of them.
    """
    tensors, about = read_tensors(path)
    with error_context(path):
        if "rows" in tensors:
            raise WeightError(_unfinished_message(about))
        features, stored = tensors["features"].float(), tensors["probe"].float()
        if not len(features):
            raise WeightError(f"it holds no samples; {REMEDY}")
        fits = {space: _read_fit(space, tensors, numbers) for space, numbers in _fits(about).items()}
        return samples_of_record(features, about, fits), stored


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the `about` of whole or incomplete samples; raises WeightError for any other file."""
    tensors, about = read_own(path, "samples", REMEDY)
    with error_context(path):
        check_shapes(tensors, {"probe": "D", "features": "ND", "rows?": "N"}, REMEDY, whole=("rows",))
        count_of(about, "seed", REMEDY)
        number_of(about, "psi", REMEDY)
        return tensors, about


def samples_of_record(
    features: Tensor, about: Mapping[str, Any], fits: Mapping[Space, Regression] | None = None
) -> Samples:
    """The samples with these features [N, D], of a file with this `about`."""
    origin = {name: value for name, value in about.items() if name not in NO_ORIGIN}
    return Samples(features, int(about["seed"]), float(about["psi"]), origin, fits or {})


def load_samples(path: str | Path, clip: CLIP, fingerprint: str, family: Collection[str] = ()) -> Samples:
    """The samples in a file; raises WeightError for those of another CLIP or generator.

    A generator is known by its `fingerprint`; the samples of its `family` fit it, too.
    """
    samples, stored = read_samples(path)
    with error_context(path):
        made = "these samples were made"
        check_provenance(samples.about, stored, clip, fingerprint, made, OTHER_REMEDY, family)
        seen = samples.about.get("clip_preprocess")
        if seen != clip.preprocess:
            raise WeightError(
                f"{made} with --clip-preprocess {short_repr(seen)}, not {clip.preprocess}; {OTHER_REMEDY}"
            )
        return samples


def find_samples(
    clip: CLIP,
    record: Mapping[str, Any],
    chosen: str | Path | None,
    suitable: str | Path | None,
    fetch: Fetch,
    inherited: Callable[[], Samples | None] | None = None,
) -> Samples | None:
    """The samples that were chosen, else those in the cache folder, else the generator's `suitable` ones.

    `record` is that of the generator. One that was adapted and has no samples takes the `inherited` ones, where these
    are given, or else those of its parents.
    """
    fingerprints = ancestry(record)[: 1 if inherited else None]
    cached = next((path for each in fingerprints if (path := samples_path(each, clip)).is_file()), None)
    if chosen is None and cached:
        return load_samples(cached, clip, fingerprints[0], family(record))
    if chosen is None and inherited:
        return inherited()
    if not (chosen or suitable):
        return None
    path = weight_file(str(chosen or suitable), "samples", fetch)
    return load_samples(path, clip, fingerprints[0], family(record))


def samples_path(fingerprint: str, clip: CLIP) -> Path:
    """The path of the samples of a generator and a CLIP: `styleclip prepare` and the editors write and read it."""
    folder = home() / "samples"
    return (folder if clip.preprocess == "correct" else folder / clip.preprocess) / cache_name(fingerprint, clip)


def _fits(about: Mapping[str, Any]) -> dict[Space, Mapping[str, Any]]:
    """The numbers of the regressions by space; raises WeightError where they are no such record."""
    found = about.get("fits", {})
    if not isinstance(found, dict) or not all(isinstance(numbers, dict) for numbers in found.values()):
        raise WeightError(f"it is damaged or not what it seems (its regressions have no numbers); {REMEDY}")
    if unknown := [name for name in found if name not in (Space.W, Space.S)]:
        raise WeightError(f"it has a regression of {short_repr(unknown[0])}, not of w or s; {REMEDY}")
    return {Space(name): numbers for name, numbers in found.items()}


def _read_fit(space: Space, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> Regression:
    ridge, explained = (number_of(numbers, name, REMEDY) for name in ("ridge", "explained"))
    shapes = dict(zip((f"{space.value}.{name}" for name in FIT_TENSORS), ("DC", "D", "C", "C"), strict=True))
    check_shapes(tensors, shapes, REMEDY, {"D": len(tensors["probe"])})
    matrix, feature_mean, mean, std = (tensors[f"{space.value}.{name}"].float() for name in FIT_TENSORS)
    return Regression(space, matrix, feature_mean, mean, std, ridge, explained, count_of(numbers, "samples", REMEDY))


def _unfinished_message(about: Mapping[str, Any]) -> str:
    whole = about.get("shard") in (None, "1/1")
    part = "the part that an unfinished run has made" if whole else f"the shard {short_repr(about['shard'])}"
    remedy = "run the same `styleclip prepare` again" if whole else "join all with `styleclip prepare --merge`"
    return f"it is {part}, not all samples; {remedy}"
