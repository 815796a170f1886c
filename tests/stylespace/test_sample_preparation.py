"""Samples by `prepare`: settings, resumption, shards and continuation give the bits of one run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import styleclip
from styleclip.errors import OutputError, UsageError, WeightError
from styleclip.latents import Space
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.samples import Samples
from styleclip.stylespace import prepare as module
from styleclip.stylespace.merging import merge
from styleclip.stylespace.prepare import prepare
from styleclip.stylespace.regression import fit_regression
from styleclip.stylespace.sample_preparation import SamplePreparation
from styleclip.stylespace.sample_shards import SampleShard
from styleclip.stylespace.samples import BLOCK, see_samples
from styleclip.stylespace.shards import shard_path, unfinished_path
from styleclip.weights.sample_files import load_samples, save_samples
from tests.helpers.files import tensor_content, with_other_generator
from tests.helpers.support import is_one_sentence
from tests.helpers.tiny import tiny_clip
from tests.helpers.unfinished_tables import StoppedAfter

COUNT = 3 * BLOCK + 30
FOUR = SamplePreparation(samples=COUNT)  # blocks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "samples.safetensors"


@pytest.fixture(scope="module")
def seen(models: Models) -> Samples:
    return see_samples(models, COUNT)


def leave_unfinished(models: Models, path: Path, blocks: int = 2, **options: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare(models, FOUR, path, on_step=StoppedAfter(blocks), **options)


def assert_same_fits(found: Samples, models: Models) -> None:
    assert set(found.fits) == {Space.W, Space.S}
    for space, fit in found.fits.items():
        expected = fit_regression(models.generator, found, space)
        assert torch.equal(fit.matrix, expected.matrix) and torch.equal(fit.std, expected.std)
        assert (fit.ridge, fit.explained, fit.samples) == (expected.ridge, expected.explained, len(found))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"samples": 9}, "samples is 9; it must be at least 10"),
        ({"seed": -1}, "seed is -1; it must be at least 0"),
        ({"psi": float("nan")}, "psi is nan; it must be a finite number"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        SamplePreparation(**settings)


def test_the_file_has_features_and_fits(models: Models, seen: Samples, path: Path) -> None:
    watch = StoppedAfter()
    made = prepare(models, FOUR, path, on_step=watch)
    assert torch.equal(made.features, seen.features)
    assert_same_fits(made, models)
    found = load_samples(path, models.clip, models.generator_fingerprint or "")
    assert torch.equal(found.features, seen.features) and dict(found.about) == dict(seen.about)
    assert_same_fits(found, models)
    assert [(step.index, step.total) for step in watch.steps] == [(n, COUNT) for n in (100, 200, 300, COUNT)]
    assert [step.values["renders"] for step in watch.steps] == [100, 200, 300, 400]
    assert list(path.parent.iterdir()) == [path]


def test_seed_and_psi(models: Models, path: Path) -> None:
    made = prepare(models, SamplePreparation(samples=12, seed=8, psi=0.5), path)
    assert torch.equal(made.features, see_samples(models, 12, seed=8, psi=0.5).features)
    assert (made.seed, made.psi) == (8, 0.5)


def test_what_is_done_is_not_done_again(models: Models, seen: Samples, path: Path, tmp_path: Path) -> None:
    prepare(models, FOUR, tmp_path / "whole.safetensors")
    leave_unfinished(models, path)
    kept = SampleShard.load(unfinished_path(path, (1, 1)))
    assert kept.rows.tolist() == list(range(2 * BLOCK)) and not path.exists()
    again = StoppedAfter()
    prepare(models, FOUR, path, on_step=again)
    assert [step.index for step in again.steps] == [3 * BLOCK, COUNT]
    assert tensor_content(path) == tensor_content(tmp_path / "whole.safetensors")
    assert not unfinished_path(path, (1, 1)).exists()
    assert torch.equal(prepare(models, FOUR, path, on_step=StoppedAfter(1)).features, seen.features), "made before"


def test_it_is_saved_on_the_way(models: Models, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)
    kept: list[int] = []

    def look(_: object) -> None:
        unfinished = unfinished_path(path, (1, 1))
        kept.append(len(SampleShard.load(unfinished).rows) if unfinished.exists() else 0)

    prepare(models, FOUR, path, on_step=look)
    assert kept == [0, 100, 200, 300]


@pytest.mark.parametrize("count", [2, 3])
def test_shards_are_the_whole_to_the_bit(models: Models, path: Path, tmp_path: Path, count: int) -> None:
    prepare(models, FOUR, tmp_path / "whole.safetensors")
    for i in range(count, 0, -1):
        if i == 1:
            leave_unfinished(models, path, 1, shard=(i, count))
        prepare(models, FOUR, path, shard=(i, count))
    shards = [shard_path(path, (i, count)) for i in range(1, count + 1)]
    assert all(shard.exists() for shard in shards) and not path.exists()
    joined = merge(path, models=models)
    assert tensor_content(path) == tensor_content(tmp_path / "whole.safetensors")
    assert_same_fits(joined, models)
    path.unlink()
    assert not merge(path).fits, "the fits need the generator"


def test_a_shard_is_made_once(models: Models, path: Path) -> None:
    first = prepare(models, FOUR, path, shard=(2, 2))
    assert torch.equal(prepare(models, FOUR, path, shard=(2, 2), on_step=StoppedAfter(1)).features, first.features)
    assert len(first) == BLOCK + 30, "the second and the last of four blocks"


def test_shards_that_do_not_fit(models: Models, path: Path) -> None:
    for i in (1, 2):
        prepare(models, FOUR, path, shard=(i, 2))
    other = with_other_generator(models)
    with pytest.raises(
        WeightError, match="made for another generator; pass the --model and the --clip that it was made"
    ):
        merge(path, models=other)
    first, second = (shard_path(path, (i, 2)) for i in (1, 2))
    part = SampleShard.load(second)
    replace(part, numbers=[torch.arange(BLOCK + 30)]).save(second)
    with pytest.raises(WeightError, match=f"have 230 different samples in {COUNT} rows, not {COUNT} of each") as caught:
        merge(path)
    assert is_one_sentence(caught.value)
    replace(part, about={**part.about, "psi": 0.3}).save(second)
    with pytest.raises(WeightError, match="with psi 0.3, not 1.0 like samples.shard-1-of-2"):
        merge(path)
    with pytest.raises(WeightError, match="it is the shard 1/2, not all samples; join all with"):
        load_samples(first, models.clip, models.generator_fingerprint or "")


# --- existing files


def test_a_bigger_count_continues_a_smaller(models: Models, path: Path, tmp_path: Path) -> None:
    prepare(models, replace(FOUR, samples=BLOCK + 50), path)
    watch = StoppedAfter()
    prepare(models, FOUR, path, on_step=watch)
    assert [step.index for step in watch.steps] == [2 * BLOCK, 3 * BLOCK, COUNT]
    prepare(models, FOUR, tmp_path / "whole.safetensors")
    assert tensor_content(path) == tensor_content(tmp_path / "whole.safetensors")


def test_a_smaller_count_is_there_already(models: Models, seen: Samples, path: Path) -> None:
    prepare(models, FOUR, path)
    found = prepare(models, replace(FOUR, samples=BLOCK), path, on_step=StoppedAfter(1))
    assert torch.equal(found.features, seen.features)


def test_samples_without_fits_get_them(models: Models, seen: Samples, path: Path) -> None:
    save_samples(seen, models.clip, path)
    assert_same_fits(prepare(models, FOUR, path, on_step=StoppedAfter(1)), models)
    assert_same_fits(load_samples(path, models.clip, models.generator_fingerprint or ""), models)


@pytest.mark.parametrize(
    ("changes", "words"), [({"seed": 6}, "with seed 5, not 6"), ({"psi": 0.7}, "with psi 1.0, not 0.7")]
)
def test_other_settings_do_not_go_on(models: Models, path: Path, changes: dict[str, Any], words: str) -> None:
    leave_unfinished(models, path)
    other = replace(FOUR, **changes)
    with pytest.raises(WeightError, match=f"was begun {words}; finish that, or pass --restart to begin again"):
        prepare(models, other, path)
    prepare(models, FOUR, path)
    with pytest.raises(OutputError, match=f"exists and was made {words}; pass --overwrite or another --out"):
        prepare(models, other, path)
    assert prepare(models, other, path, overwrite=True).seed == other.seed


def test_other_networks_do_not_go_on(models: Models, path: Path) -> None:
    prepare(models, FOUR, path)
    for other, words in (
        (with_other_generator(models), "for another generator"),
        (replace(models, clip=tiny_clip(seed=5)), "for another CLIP"),
    ):
        with pytest.raises(OutputError, match=f"exists and was made {words}; pass --overwrite or another --out"):
            prepare(other, FOUR, path)


def test_overwrite_sees_all_again(models: Models, path: Path) -> None:
    prepare(models, FOUR, path)
    watch = StoppedAfter()
    prepare(models, FOUR, path, on_step=watch, overwrite=True)
    assert len(watch.steps) == 4


def test_restart(models: Models, path: Path) -> None:
    leave_unfinished(models, path)
    unfinished_path(path, (1, 1)).write_bytes(b"torn")
    with pytest.raises(WeightError, match="cannot be read; pass --restart to begin again"):
        prepare(models, FOUR, path)
    watch = StoppedAfter()
    prepare(models, FOUR, path, resume=False, on_step=watch)
    assert len(watch.steps) == 4


def test_other_files_are_left_alone(models: Models, path: Path) -> None:
    path.write_bytes(b"a poem")
    with pytest.raises(OutputError, match="exists and was made by something else; pass --overwrite or another --out"):
        prepare(models, FOUR, path)
    assert path.read_bytes() == b"a poem"


def test_an_editor_needs_no_render_and_no_fit(
    models: Models, files: tuple[Path, Path], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from styleclip.stylespace import regression
    from styleclip.stylespace.samples import models_samples

    made = prepare(models, FOUR, path)
    again = styleclip.load(str(files[0]), clip=files[1], identity="none", samples=path)
    monkeypatch.setattr(CLIP, "encode_image", None)
    monkeypatch.setattr(regression, "fit_regression", None)
    found = models_samples(again, 50)
    fit = regression.models_regression(again, found, Space.S)
    assert torch.equal(fit.matrix, made.fits[Space.S].matrix)
