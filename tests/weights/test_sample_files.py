"""Files of samples: what is written is read, and those of other networks are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import styleclip
from styleclip.errors import WeightError
from styleclip.latents import Space
from styleclip.models import Models
from styleclip.samples import Samples
from styleclip.stylespace.regression import fit_regression
from styleclip.stylespace.samples import see_samples
from styleclip.weights.cache import fetch
from styleclip.weights.describe import describe
from styleclip.weights.formats.own_files import save_own
from styleclip.weights.provenance import probe
from styleclip.weights.sample_files import (
    find_samples,
    load_samples,
    read_samples,
    samples_path,
    samples_record,
    save_samples,
)
from tests.helpers.support import is_one_sentence
from tests.helpers.tiny import tiny_clip


@pytest.fixture(scope="module")
def samples(models: Models) -> Samples:
    return see_samples(models, 12, seed=7, psi=0.8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "samples.safetensors"


def network(models: Models) -> str:
    return models.generator_fingerprint or ""


def test_a_file_holds_all_of_it(models: Models, samples: Samples, path: Path) -> None:
    fits = {space: fit_regression(models.generator, samples, space) for space in (Space.W, Space.S)}
    save_samples(replace(samples, fits=fits), models.clip, path)
    found = load_samples(path, models.clip, network(models))
    assert torch.equal(found.features, samples.features)
    assert (found.seed, found.psi, dict(found.about)) == (7, 0.8, dict(samples.about))
    assert set(found.fits) == {Space.W, Space.S}
    for space, fit in fits.items():
        for name, value in vars(fit).items():
            other = getattr(found.fits[space], name)
            assert torch.equal(other, value) if isinstance(value, torch.Tensor) else other == value
    assert torch.equal(read_samples(path)[1], probe(models.clip))


def test_the_record(models: Models, samples: Samples, path: Path) -> None:
    fit = fit_regression(models.generator, samples, Space.W, ridge=0.5)
    assert samples_record(replace(samples, fits={Space.W: fit})) == {
        "samples": 12, "seed": 7, "psi": 0.8, "resolution": 16, "generator": network(models),
        "generator_name": "generator.safetensors", "clip": "tiny", "clip_preprocess": "correct", "dtype": "float32",
        "styleclip": styleclip.__version__,
        "fits": {"w": {"ridge": 0.5, "explained": fit.explained, "samples": 12}},
    }  # fmt: skip
    [part] = describe(save_samples(samples, models.clip, path))["parts"]
    assert {name: part[name] for name in ("kind", "samples", "seed", "psi", "clip", "features", "precision")} == {
        "kind": "samples", "samples": 12, "seed": 7, "psi": 0.8, "clip": "tiny", "features": [12, 10],
        "precision": "float32",
    }  # fmt: skip
    assert "parameters" not in part


def test_half_precision_is_widened(models: Models, samples: Samples, path: Path) -> None:
    save_samples(samples, models.clip, path, dtype=torch.float16)
    found = load_samples(path, models.clip, network(models))
    assert found.features.dtype == torch.float32
    torch.testing.assert_close(found.features, samples.features, rtol=2**-10, atol=0)


def test_the_first_have_no_fits(models: Models, samples: Samples) -> None:
    fit = fit_regression(models.generator, samples, Space.W)
    fitted = replace(samples, fits={Space.W: fit})
    assert fitted.first(12) is fitted and not fitted.first(11).fits and len(fitted.first(11)) == 11


def paper(models: Models) -> Any:
    clip = tiny_clip()
    clip.preprocess = "paper"
    return clip


OTHERS: dict[str, tuple[Callable[[Models], Any], str, str]] = {
    "generator": (lambda models: models.clip, "f" * 64, "these samples were made for another generator; make those of"),
    "clip": (lambda models: tiny_clip(seed=5), "", "were made for the CLIP tiny, not for tiny; make those of this one"),
    "preprocess": (paper, "", "were made with --clip-preprocess correct, not paper; make those of this one with"),
}


@pytest.mark.parametrize(("clip", "fingerprint", "words"), OTHERS.values(), ids=OTHERS)
def test_samples_of_other_networks_are_refused(
    models: Models, samples: Samples, path: Path, clip: Callable[[Models], Any], fingerprint: str, words: str
) -> None:
    save_samples(samples, models.clip, path)
    with pytest.raises(WeightError, match=re.escape(words)) as caught:
        load_samples(path, clip(models), fingerprint or network(models))
    assert is_one_sentence(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("tensors", "changes", "words"),
    [
        ({"features": None}, {}, "the tensor features is missing; make the samples again with `styleclip prepare"),
        ({"features": torch.zeros(3, 4)}, {}, "its features is of shape [3, 4], not [N, 10]; make the samples again"),
        ({"rows": torch.arange(12)}, {"shard": "1/1"}, "an unfinished run has made, not all samples; run the same"),
        ({"rows": torch.arange(12)}, {"shard": "2/3"}, "it is the shard 2/3, not all samples; join all with"),
        ({}, {"seed": "poem"}, "it is damaged or not what it seems"),
        ({}, {"fits": {"w": {"ridge": 1.0}}}, "it is damaged or not what it seems"),
    ],
)
def test_files_that_cannot_be_used(
    models: Models, samples: Samples, path: Path, tensors: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    whole = {"features": samples.features, "probe": probe(models.clip)} | tensors
    present = {name: tensor for name, tensor in whole.items() if tensor is not None}
    save_own("samples", present, path, {**samples_record(samples), **changes})
    with pytest.raises(WeightError, match=re.escape(words)) as caught:
        load_samples(path, models.clip, network(models))
    assert is_one_sentence(caught.value)


def test_a_table_is_no_samples(models: Models, path: Path) -> None:
    save_own("relevance", {"delta_i": torch.zeros(2, 3)}, path, {})
    with pytest.raises(WeightError, match="it holds relevance, no samples; pass a file with one"):
        load_samples(path, models.clip, network(models))


def test_which_file_is_taken(models: Models, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was chosen, else that of the cache folder, else the generator's own."""
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    chosen, own = (
        save_samples(samples.first(count), models.clip, tmp_path / f"{count}.safetensors") for count in (3, 4)
    )

    def found(chosen: Path | None, own: Path | None) -> int | None:
        samples = find_samples(models.clip, {"network": network(models)}, chosen, own, fetch)
        return None if samples is None else len(samples)

    assert (found(None, None), found(None, own), found(chosen, own)) == (None, 4, 3)
    save_samples(samples.first(5), models.clip, samples_path(network(models), models.clip))
    assert (found(None, None), found(None, own), found(chosen, own)) == (5, 5, 3)


def test_preprocessings_have_files_of_their_own(models: Models) -> None:
    own, other = samples_path("0" * 64, models.clip), samples_path("0" * 64, paper(models))
    assert own.name == other.name and own != other
