"""What the columns say of pictures whose faults are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from styleclip.demo.captions import claimed_states
from styleclip.demo.ideal import ideal_z
from styleclip.demo.judge import Judge
from styleclip.demo.render import background_mask
from styleclip.demo.world import faces
from styleclip.editor import Editor
from styleclip.evaluate.demo_world.limits import Limits, load_limits, measure_limits, save_limits
from styleclip.evaluate.demo_world.measures import COLUMNS, Measures, measure
from styleclip.evaluate.demo_world.oracle import Oracle
from styleclip.evaluate.demo_world.task import Portraits, Task
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.results import EditResult

PROMPT = "a face with glasses"
CLAIMS = claimed_states(PROMPT)


@pytest.fixture(scope="module")
def ideal(models: Models, portraits: Portraits) -> EditResult:
    z = portraits.lacking(CLAIMS).z
    return Editor(models).edit(Latent(Space.Z, z), PROMPT, Oracle(CLAIMS))


@pytest.fixture(scope="module")
def task(portraits: Portraits, ideal: EditResult) -> Task:
    return Task.of(portraits.lacking(CLAIMS), CLAIMS, ideal.after.clamp(-1, 1))


@pytest.fixture
def measured(task: Task, ideal: EditResult, judge: Judge, limits: Limits) -> Measures:
    return measure(task, ideal, judge, limits)


def test_the_oracle_is_nearly_always_clean(measured: Measures) -> None:
    means = {name: values.mean().item() for name, values in measured.columns.items()}
    assert tuple(means) == COLUMNS
    assert means["clean"] >= 0.7 and means["hit"] >= 0.9 and means["flips"] < 0.3
    assert means["to_ideal"] == 0 and means["bg"] < 2 and means["still"] < 3


def test_the_source_itself_never_hits(task: Task, ideal: EditResult, judge: Judge, limits: Limits) -> None:
    columns = measure(task, replace(ideal, after=ideal.before), judge, limits).columns
    for name in ("hit", "clean", "flips", "bg", "still"):
        assert columns[name].abs().max() < 0.01
    assert columns["to_ideal"].min() > 1


def test_another_background_is_not_clean(
    task: Task, ideal: EditResult, judge: Judge, limits: Limits, measured: Measures
) -> None:
    magenta = torch.tensor([0.7, -0.5, 0.7])[:, None, None]
    mask = background_mask(faces(ideal_z(task.source.z, CLAIMS)), task.ideal.shape[-1])[:, None]
    columns = measure(task, replace(ideal, after=torch.where(mask, magenta, ideal.after)), judge, limits).columns
    assert columns["bg"].min() > limits.bg and not columns["clean"].any()
    assert (columns["gamut"] > measured.columns["gamut"]).all()


def test_a_halo_is_not_clean(task: Task, ideal: EditResult, judge: Judge, limits: Limits) -> None:
    ends = torch.linspace(-1, 1, ideal.after.shape[-1])
    radius = (ends.square() + (ends[:, None] + 0.2).square()).sqrt()
    ring = 0.25 * torch.exp(-((radius - 0.85) / 0.1).square())  # around the head, on the background
    columns = measure(task, replace(ideal, after=ideal.after - ring), judge, limits).columns
    assert columns["halo"].min() > limits.halo and not columns["clean"].any()


def test_other_people_flip(task: Task, ideal: EditResult, judge: Judge, limits: Limits) -> None:
    measures = measure(task, replace(ideal, after=ideal.after.roll(1, 0)), judge, limits)
    assert measures.columns["flips"].mean() > 1 and measures.columns["clean"].mean() < 0.2
    assert measures.columns["flips"].sum() == sum(flipped.sum() for flipped in measures.flipped.values())
    assert not set(measures.flipped) & set(CLAIMS)


def test_a_background_that_is_asked_for_is_compared_with_the_ideal(
    models: Models, portraits: Portraits, judge: Judge, limits: Limits
) -> None:
    claims = claimed_states("a face on a yellow background")
    source = portraits.lacking(claims)
    result = Editor(models).edit(Latent(Space.Z, source.z), "a face on a yellow background", Oracle(claims))
    columns = measure(Task.of(source, claims, result.after.clamp(-1, 1)), result, judge, limits).columns
    assert columns["bg"].max() == 0 and columns["hit"].mean() > 0.9


def test_the_limits_of_the_demo_are_in_a_file(
    models: Models, limits: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Limits.of(models) is limits and limits.bg == 6 and limits.chroma.shape == models.generator.image_size
    monkeypatch.setattr("styleclip.evaluate.demo_world.limits.SAMPLES", 100)
    fewer = measure_limits(models)
    assert 0.5 < fewer.halo / limits.halo < 2 and 0.5 < fewer.gamut / limits.gamut < 2
    assert (fewer.chroma <= limits.chroma + 0.2).float().mean() > 0.95
    save_limits(fewer, models, tmp_path / "limits.safetensors")
    monkeypatch.setattr(
        "styleclip.evaluate.demo_world.limits.checkpoint_path", lambda name: tmp_path / "limits.safetensors"
    )
    again = load_limits(models)
    assert again is not None and (again.halo, again.gamut) == (fewer.halo, fewer.gamut)
    assert load_limits(replace(models, provenance={"generator": {"network": "another"}})) is None
