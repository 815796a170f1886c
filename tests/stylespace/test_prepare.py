"""Relevance tables as files: settings, methods, and how a table was made."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import styleclip
from styleclip.errors import NumericError, OutputError, UsageError
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.progress import Step
from styleclip.stylespace.channel_effects import measure
from styleclip.stylespace.eta import EtaEstimator
from styleclip.stylespace.gradient_relevance import gradient_effects
from styleclip.stylespace.prepare import prepare
from styleclip.stylespace.statistics import sample_styles, style_statistics
from styleclip.stylespace.table_preparation import Preparation
from styleclip.weights.describe import describe
from styleclip.weights.relevance_files import load_relevance
from tests.helpers.preparation import FEW, LAYOUT, assert_same_table
from tests.helpers.support import is_one_sentence
from tests.helpers.tiny import TINY
from tests.helpers.unfinished_tables import StoppedAfter, models, path

__all__ = ["models", "path"]  # fixtures


# --- settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "best"}, "method is 'best'; choose one of exact, official, gradient"),
        ({"images": 0}, "images is 0; it must be at least 1"),
        ({"samples": 1}, "samples is 1; it must be at least 2"),
        ({"seed": -1}, "seed is -1; it must be at least 0"),
        ({"seed": 2**32}, "at most 4294967295"),
        ({"cutoff": 0}, "cutoff is 0; it must be at least 1"),
        ({"psi": float("nan")}, "psi is nan; it must be a finite number"),
        ({"sigmas": 0.0}, "sigmas is 0.0; it must be a finite number, above 0"),
        ({"sigmas": float("inf")}, "sigmas is inf; it must be a finite number, above 0"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        Preparation(**settings)


def test_what_the_published_code_leaves_out() -> None:
    convolutions = [c for entry in LAYOUT.entries if not entry.is_torgb for c in range(entry.start, entry.span.stop)]
    assert Preparation().channels(LAYOUT).tolist() == list(range(LAYOUT.size))
    assert Preparation(torgb=False).channels(LAYOUT).tolist() == convolutions
    assert Preparation("official").channels(LAYOUT).tolist() == convolutions


@pytest.mark.parametrize(
    ("resolution", "size", "with_gradients"), [(64, 32, 32), (512, 32, 8), (1024, 8, 2), (2048, 2, 1), (8192, 1, 1)]
)
def test_batches_fit_the_memory(resolution: int, size: int, with_gradients: int) -> None:
    channels = {2**i: 4 for i in range(2, resolution.bit_length())}
    generator: Any = SimpleNamespace(w_avg=torch.zeros(1), config=replace(TINY, channels=channels))
    assert Preparation().batch_size(generator) == size
    assert Preparation("gradient").batch_size(generator) == with_gradients


# --- the table


def test_every_row_is_in_its_place(models: Models, path: Path) -> None:
    preparation = Preparation(images=3, samples=50, seed=7, psi=0.5, cutoff=2, sigmas=3.0)
    table = prepare(models, preparation, path)
    statistics = style_statistics(models.generator, 50, 7, 0.5, 2)
    styles = sample_styles(models.generator, 3, 7, 0.5, 2)
    assert table.statistics and torch.equal(table.statistics.mean, statistics.mean)
    for c in (0, 7, 20, LAYOUT.size - 1):
        [row] = measure(models, statistics, styles, torch.tensor([c]), "exact", 3.0)
        torch.testing.assert_close(table.delta_i[c], row.delta_i[0], rtol=0, atol=1e-5)
        assert table.effect is not None and table.error is not None
        torch.testing.assert_close(table.effect[c], row.effect[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(table.error[c], row.error[0], rtol=0, atol=1e-5)
    assert sorted(path.parent.iterdir()) == [path]


def test_a_table_tells_how_it_was_made(models: Models, path: Path) -> None:
    written = prepare(models, FEW, path)
    network = models.provenance["generator"]["network"]
    table = load_relevance(path, LAYOUT, models.clip, network)
    assert_same_table(table, written)
    assert dict(table.about) == dict(written.about) == {
        "method": "exact", "images": 3, "samples": 50, "seed": 5, "psi": 0.7, "cutoff": None, "sigmas": 5.0,
        "torgb": True, "rows": LAYOUT.size, "generator": network, "generator_name": "generator.safetensors",
        "clip": "tiny", "clip_preprocess": "correct", "dtype": "float64", "styleclip": styleclip.__version__,
    }  # fmt: skip
    [part] = describe(path)["parts"]
    assert {name: part[name] for name in ("kind", "method", "images", "seed", "clip", "generator")} == {
        "kind": "relevance", "method": "exact", "images": 3, "seed": 5, "clip": "tiny", "generator": network,
    }  # fmt: skip
    assert part["delta_i"] == [LAYOUT.size, 10]


def test_official(models: Models, path: Path) -> None:
    table = prepare(models, replace(FEW, method="official"), path)
    statistics, styles = style_statistics(models.generator, 50), sample_styles(models.generator, 3)
    channels = (~LAYOUT.torgb_mask()).nonzero()[:, 0]
    rows = torch.cat([each.delta_i for each in measure(models, statistics, styles, channels, "official")])
    torch.testing.assert_close(table.delta_i[channels], rows, rtol=0, atol=1e-5)
    assert not table.delta_i[LAYOUT.torgb_mask()].any() and table.about["torgb"] is False
    assert torch.equal(table.has_row, ~LAYOUT.torgb_mask())


@pytest.mark.parametrize("torgb", [True, False])
def test_gradient(models: Models, path: Path, torgb: bool) -> None:
    watch = StoppedAfter()
    table = prepare(models, replace(FEW, method="gradient", torgb=torgb), path, on_step=watch)
    statistics, styles = style_statistics(models.generator, 50), sample_styles(models.generator, 3)
    [rows] = gradient_effects(models, statistics, styles)
    wanted = torch.ones(LAYOUT.size, dtype=torch.bool) if torgb else ~LAYOUT.torgb_mask()
    torch.testing.assert_close(table.delta_i, rows.delta_i * wanted[:, None], rtol=0, atol=1e-6)
    assert [(step.index, step.values["renders"]) for step in watch.steps] == [(wanted.sum(), 3)]
    with pytest.raises(UsageError, match="measures all channels at once; leave out the shards"):
        prepare(models, replace(FEW, method="gradient"), path, shard=(1, 2))


def test_pictures_that_are_not_finite(models: Models, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CLIP, "encode_image", lambda self, image: torch.full((len(image), 10), torch.nan))
    with pytest.raises(NumericError, match="not finite; use --dtype float32"):
        prepare(models, FEW, path)
    assert not path.exists()


# --- existing files


def test_a_table_is_made_once(models: Models, path: Path) -> None:
    first, watch = prepare(models, FEW, path), StoppedAfter(1)
    assert_same_table(prepare(models, FEW, path, on_step=watch), first)
    assert_same_table(prepare(models, FEW, path, shard=(1, 2), on_step=watch), first)
    assert not watch.steps
    with pytest.raises(OutputError, match="exists and was made with images 3, not 2; pass --overwrite") as caught:
        prepare(models, replace(FEW, images=2), path)
    assert is_one_sentence(caught.value)
    assert prepare(models, replace(FEW, images=2), path, overwrite=True).about["images"] == 2


def test_other_files_are_left_alone(models: Models, path: Path) -> None:
    path.write_bytes(b"a poem")
    with pytest.raises(OutputError, match="exists and was made by something else; pass --overwrite or another --out"):
        prepare(models, FEW, path)
    assert path.read_bytes() == b"a poem"


# --- remaining time


def test_the_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels of the first layer take 2 s, of the second 1 s, of the last 5 s: once seen they are foretold exactly."""
    clock = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    first, second, last = (LAYOUT.entries[i] for i in (0, 1, -1))
    missing = torch.cat([torch.arange(entry.start, entry.span.stop) for entry in (first, second, last)])
    eta = EtaEstimator(LAYOUT, FEW.renders, 10, missing)
    clock += 2 * 4
    step = eta.update(torch.arange(4))
    rest = len(missing) - 4
    values = {"renders": 4 * 6, "seconds": 8.0, "seconds_left": 2.0 * rest}
    assert step == Step(14, 10 + len(missing), values), "all that is known is 2 s a channel"
    clock += 1 * 3
    assert eta.update(torch.arange(second.start, second.start + 3)).values["seconds_left"] == pytest.approx(
        2 * 2 + 1 * 3 + 11 / 7 * last.channels
    )
    clock += 5 * 1
    assert eta.update(torch.tensor([LAYOUT.size - 1])).values["seconds_left"] == pytest.approx(
        2 * 2 + 1 * 3 + 5 * (last.channels - 1)
    )
