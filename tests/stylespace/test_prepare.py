"""Relevance tables as files: settings, resuming after any kill, shards and their merger."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import styleclip
from styleclip.errors import NumericError, OutputError, UsageError, WeightError
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.progress import Step
from styleclip.stylespace import prepare as module
from styleclip.stylespace.channel_effects import measure
from styleclip.stylespace.eta import EtaEstimator
from styleclip.stylespace.gradient_relevance import gradient_effects
from styleclip.stylespace.prepare import Preparation, prepare
from styleclip.stylespace.shards import TableShard, merge, shard_path, unfinished_path
from styleclip.stylespace.statistics import sample_styles, style_statistics
from styleclip.weights.describe import describe
from styleclip.weights.relevance_files import load_relevance
from tests.helpers.files import load_tiny_models, tensor_content, tiny_files, with_other_generator
from tests.helpers.preparation import FEW, LAYOUT, assert_same_table
from tests.helpers.support import is_one_sentence, run_python
from tests.helpers.tiny import tiny_clip

GROUPS = len(LAYOUT.entries)  # a layer of the tiny generator is one group


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return load_tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.safetensors"


class StoppedAfter:
    """An `on_step` that presses Ctrl-C after so many groups, and counts."""

    def __init__(self, groups: int = 999) -> None:
        self.groups = groups
        self.steps: list[Step] = []

    def __call__(self, step: Step) -> None:
        self.steps.append(step)
        if len(self.steps) == self.groups:
            raise KeyboardInterrupt


def leave_unfinished(
    models: Models, path: Path, preparation: Preparation = FEW, groups: int = 3, **options: Any
) -> None:
    """Leave an unfinished table."""
    with pytest.raises(KeyboardInterrupt):
        prepare(models, preparation, path, on_step=StoppedAfter(groups), **options)


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
    generator: Any = SimpleNamespace(w_avg=torch.zeros(1), resolution=resolution)
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


# --- going on


def test_what_is_done_is_not_done_again(models: Models, path: Path, tmp_path: Path) -> None:
    whole = prepare(models, FEW, tmp_path / "whole.safetensors")
    leave_unfinished(models, path, groups=3)
    kept = TableShard.load(unfinished_path(path, (1, 1)))
    assert 0 < len(kept.channels) < LAYOUT.size and not path.exists()
    again = StoppedAfter()
    table = prepare(models, FEW, path, on_step=again)
    assert len(again.steps) == GROUPS - 3
    assert [step.index for step in again.steps][-1] == again.steps[0].total == LAYOUT.size
    assert sum(step.values["renders"] for step in again.steps[-1:]) == 2 * 3 * (LAYOUT.size - len(kept.channels))
    assert_same_table(table, whole)
    assert tensor_content(path) == tensor_content(tmp_path / "whole.safetensors")
    assert not unfinished_path(path, (1, 1)).exists()


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """SIGKILL, again and again, in a process of its own; the table is the same to the last bit."""
    tiny_files(tmp_path)
    code = f"from tests.helpers.preparation import prepare_with_kills; prepare_with_kills({str(tmp_path)!r})"
    ran = run_python("-W", "ignore", "-c", code)
    assert ran.returncode == 0, ran.stderr
    kills, midway = map(int, ran.stdout.split())
    assert kills == 5 and midway >= 1, "no kill came in the middle"
    names = ["clip.safetensors", "generator.safetensors", "table.safetensors", "whole.safetensors"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == names
    assert tensor_content(tmp_path / "table.safetensors") == tensor_content(tmp_path / "whole.safetensors")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": 4}, "with images 3, not 4"),
        ({"samples": 51}, "with samples 50, not 51"),
        ({"seed": 6}, "with seed 5, not 6"),
        ({"psi": 0.8}, "with psi 0.7, not 0.8"),
        ({"cutoff": 8}, "with cutoff None, not 8"),
        ({"sigmas": 4.0}, "with sigmas 5.0, not 4.0"),
        ({"torgb": False}, "with torgb True, not False"),
        ({"method": "official"}, "with method exact, not official"),
    ],
)
def test_other_settings_do_not_go_on(models: Models, path: Path, changes: dict[str, Any], words: str) -> None:
    leave_unfinished(models, path, groups=1)
    before = unfinished_path(path, (1, 1)).read_bytes()
    with pytest.raises(WeightError, match=re.escape(words) + ".*pass --restart") as caught:
        prepare(models, replace(FEW, **changes), path)
    assert is_one_sentence(caught.value)
    assert unfinished_path(path, (1, 1)).read_bytes() == before


def other_clip(models: Models) -> Models:
    return replace(models, clip=tiny_clip(seed=5).double())


@pytest.mark.parametrize(
    ("change", "words"), [(with_other_generator, "for another generator"), (other_clip, "for another CLIP")]
)
def test_other_networks_do_not_go_on(
    models: Models, path: Path, change: Callable[[Models], Models], words: str
) -> None:
    leave_unfinished(models, path, groups=1)
    with pytest.raises(WeightError, match=f"was begun {words}; finish that, or pass --restart"):
        prepare(change(models), FEW, path)
    prepare(models, FEW, path)
    with pytest.raises(OutputError, match=f"exists and was made {words}; pass --overwrite or another --out"):
        prepare(change(models), FEW, path)


def test_begin_again(models: Models, path: Path) -> None:
    leave_unfinished(models, path)
    unfinished_path(path, (1, 1)).write_bytes(b"torn")
    with pytest.raises(WeightError, match="cannot be read; pass --restart to begin again"):
        prepare(models, FEW, path)
    watch = StoppedAfter()
    prepare(models, FEW, path, resume=False, on_step=watch)
    assert len(watch.steps) == GROUPS and not unfinished_path(path, (1, 1)).exists()


def test_another_batch_size_may_go_on(models: Models, path: Path, tmp_path: Path) -> None:
    leave_unfinished(models, path)
    table = prepare(models, FEW, path, batch_size=3)
    assert_same_table(table, prepare(models, FEW, tmp_path / "other.safetensors"), 1e-5)


def test_it_is_saved_on_the_way(models: Models, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)
    kept: list[int] = []

    def look(step: Step) -> None:
        unfinished = unfinished_path(path, (1, 1))
        kept.append(len(TableShard.load(unfinished).channels) if unfinished.exists() else 0)

    prepare(models, FEW, path, on_step=look)
    assert kept[0] == 0 and sorted(set(kept)) == kept and len(kept) == GROUPS


def test_what_a_kill_tore_is_swept_away(models: Models, path: Path) -> None:
    torn = path.with_name(".table.part-1-of-1.4711.safetensors")
    others = [path.with_name(name) for name in (".table.part-1-of-2.4711.safetensors", ".table.part-1-of-1.lock")]
    for file in (torn, *others):
        file.write_bytes(b"")
    prepare(models, FEW, path)
    assert sorted(path.parent.iterdir()) == sorted([path, *others])


def test_a_full_disk(models: Models, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_unfinished(models, path)
    before = unfinished_path(path, (1, 1)).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="the disk is full; free some space"):
            prepare(models, FEW, path)
    assert unfinished_path(path, (1, 1)).read_bytes() == before and len(list(path.parent.iterdir())) == 1
    prepare(models, FEW, path)


# --- what is there already


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


# --- shards


def make_shards(models: Models, path: Path, count: int, preparation: Preparation = FEW) -> list[Path]:
    for i in range(1, count + 1):
        prepare(models, preparation, path, shard=(i, count))
    return [shard_path(path, (i, count)) for i in range(1, count + 1)]


@pytest.mark.parametrize("method", ["exact", "official"])
def test_shards_are_the_whole(models: Models, path: Path, tmp_path: Path, method: Any) -> None:
    preparation = replace(FEW, method=method)
    shards = make_shards(models, path, 3, preparation)
    assert sorted(path.parent.iterdir()) == shards
    by_layer = [Counter(layer_of(c) for c in TableShard.load(shard).channels.tolist()) for shard in shards]
    for one, other in itertools.combinations(by_layer, 2):
        assert all(abs(one[layer] - other[layer]) <= 1 for layer in one | other), "a shard has more of some layer"
    joined = merge(path)
    assert_same_table(joined, prepare(models, preparation, tmp_path / "whole.safetensors"), 1e-5)
    assert_same_table(load_relevance(path, LAYOUT, models.clip, models.provenance["generator"]["network"]), joined)
    assert "shard" not in joined.about and all(shard.exists() for shard in shards)


def layer_of(channel: int) -> str:
    return next(entry.name for entry in LAYOUT.entries if channel < entry.span.stop)


def test_a_shard_goes_on_too(models: Models, path: Path) -> None:
    leave_unfinished(models, path, groups=2, shard=(2, 2))
    assert unfinished_path(path, (2, 2)).exists()
    watch = StoppedAfter()
    prepare(models, FEW, path, shard=(2, 2), on_step=watch)
    assert len(watch.steps) == GROUPS - 2
    prepare(models, FEW, path, shard=(2, 2), on_step=watch)
    assert len(watch.steps) == GROUPS - 2, "it was made before"


def test_parts_are_no_tables(models: Models, path: Path) -> None:
    leave_unfinished(models, path, groups=2)
    [shard, _] = make_shards(models, path, 2)
    for file, words in (
        (
            unfinished_path(path, (1, 1)),
            "an unfinished run has made, not a whole table; run the same `styleclip prepare",
        ),
        (shard, "it is the shard 1/2, not a whole table; join all with `styleclip prepare --merge`"),
    ):
        with pytest.raises(WeightError, match=re.escape(words)):
            load_relevance(file, LAYOUT, models.clip, models.provenance["generator"]["network"])
    assert describe(shard)["parts"][0]["shard"] == "1/2"


def damage(file: Path, **changes: Any) -> None:
    """Write a shard again with the rows of other channels or something else about it."""
    part = TableShard.load(file)
    rows = replace(part.effects[0], **{name: changes.pop(name) for name in ("channels",) if name in changes})
    replace(part, about={**part.about, **changes}, effects=[rows]).save(file)


SPOILT: dict[str, tuple[Callable[[list[Path], Path], Any], str]] = {
    "none": (lambda shards, path: [shard.unlink() for shard in shards], "no shard lies beside .*; make them with"),
    "one missing": (lambda shards, path: shards[1].unlink(), r"1 of 3 shards of .* are missing \(2/3\); make them"),
    "settings": (lambda shards, path: damage(shards[2], psi=1.0), "with psi 1.0, not 0.7 like table.shard-1-of-3"),
    "generator": (lambda shards, path: damage(shards[1], generator="0"), "made for another generator like"),
    "twice": (lambda shards, path: shards[1].write_bytes(shards[0].read_bytes()), "the shard 1/3 is there twice; pass"),
    "no shard": (lambda shards, path: damage(shards[0], shard="one"), "'one' is no shard; write 2/4 for the second"),
    "channels": (
        lambda shards, path: damage(shards[0], channels=TableShard.load(shards[1]).channels),
        "different channels",
    ),
    "torn": (lambda shards, path: shards[0].write_bytes(shards[0].read_bytes()[:-9]), "shard-1-of-3.safetensors: "),
}


@pytest.mark.parametrize(("spoilt", "words"), SPOILT.values(), ids=SPOILT)
def test_shards_that_do_not_fit(
    models: Models, path: Path, spoilt: Callable[[list[Path], Path], Any], words: str
) -> None:
    shards = make_shards(models, path, 3, replace(FEW, images=1))
    spoilt(shards, path)
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    with pytest.raises(WeightError, match=words) as caught:
        merge(path)
    assert is_one_sentence(caught.value)
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before


def test_shards_of_two_cuts(models: Models, path: Path) -> None:
    make_shards(models, path, 2, replace(FEW, images=1))
    prepare(models, replace(FEW, images=1), path, shard=(1, 3))
    with pytest.raises(WeightError, match="has shards of 2 and of 3; delete those of the earlier run"):
        merge(path)
    merge(path, [shard_path(path, (i, 2)) for i in (2, 1)])


# --- how long it takes


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
