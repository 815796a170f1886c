"""`measure_edits`: the bounds, the oracle of the demo world, strengths, files and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from styleclip.demo.captions import Claims
from styleclip.edit_source import EditSource
from styleclip.errors import UsageError
from styleclip.evaluate.demo_world.oracle import Oracle
from styleclip.evaluate.held_out.bank_reader import BankReader
from styleclip.evaluate.held_out.editors import MeasuredEditor, RandomFace, at_strength, prompt_for
from styleclip.evaluate.held_out.judges import Judges, load_judges
from styleclip.evaluate.held_out.measure import measure, see
from styleclip.evaluate.held_out.measurements import NOTHING, RANDOM, EditMeasurement
from styleclip.evaluate.held_out.report import HeldOutReport, load_held_out_report
from styleclip.evaluate.held_out.run import measure_edits
from styleclip.evaluate.held_out.saving import save_report
from styleclip.evaluate.held_out.sources import seed_source
from styleclip.evaluate.held_out.table import NOTE, report_table
from styleclip.evaluate.held_out.task import Task
from styleclip.evaluate.held_out.unedited import Unedited
from styleclip.latents import Latent, Space
from styleclip.methods.global_direction import GlobalDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from tests.evaluate.held_out.conftest import SAMPLES, SEEDS
from tests.helpers.demo_edits import Nothing

PROMPTS: dict[str, Claims] = {"a face wearing glasses": {"eyewear": 1}, "a man with blue hair": {"hair_color": 5}}
STRENGTHS = (0.0, 0.5, 1.0)


@pytest.fixture(scope="module")
def report(models: Models, judges: Judges, source: EditSource) -> HeldOutReport:
    oracle = MeasuredEditor("oracle", {text: Oracle(claims) for text, claims in PROMPTS.items()})
    return measure_edits(models, judges, [oracle], [*map(Prompt, PROMPTS)], [source], STRENGTHS, SAMPLES)


def mean(edits: list[EditMeasurement], name: str) -> float:
    assert edits
    return sum(each.measures[name] for each in edits) / len(edits)


def test_an_editor_that_does_nothing(report: HeldOutReport) -> None:
    edits = report.rows(editor=NOTHING)
    assert {each.strength for each in edits} == {1.0}
    for name in ("success", "flips", "clean", "l1", "l1_outside"):
        assert mean(edits, name) == 0
    assert mean(edits, "kept") == 1 and abs(mean(edits, "directional_similarity")) < 0.01


def test_a_random_face(report: HeldOutReport) -> None:
    edits = report.rows(editor=RANDOM, strength=1)
    assert mean(edits, "flips") > 4 and mean(edits, "l1_outside") > 20 and mean(edits, "clean") == 0
    assert any(each.startswith("hat: ") for edit in edits for each in edit.flipped)


def test_the_ideal_edit_is_clean(report: HeldOutReport) -> None:
    edits = report.rows(editor="oracle", strength=1)
    assert mean(edits, "success") >= 0.9 and mean(edits, "flips") <= 0.3 and mean(edits, "clean") >= 0.7
    assert mean(edits, "directional_similarity") > 0.5 and mean(edits, "l1_outside") < 4 < mean(edits, "l1")


def test_strengths(report: HeldOutReport) -> None:
    at = [report.rows(editor="oracle", strength=strength) for strength in STRENGTHS]
    assert mean(at[0], "success") == mean(at[0], "l1") == 0
    assert mean(at[0], "l1") < mean(at[1], "l1") < mean(at[2], "l1")
    assert [len(edits) for edits in at] == [sum(len(prompt.images) for prompt in report.prompts)] * 3


class Distance(nn.Module):
    """In place of LPIPS: the largest difference of two pictures."""

    def distance(self, image: Tensor, target: Tensor) -> Tensor:
        return (image - target).abs().flatten(1).amax(dim=1)


def test_what_lies_outside_of_the_region(
    models: Models, judges: Judges, reader: BankReader, unedited: Unedited
) -> None:
    """A change within the region does not count outside of it, another one does."""
    task = Task.of(models, judges, unedited, Prompt("a face wearing glasses"))
    before = torch.zeros(2, 3, *task.region.shape)
    after = before.clone()
    after[0, :, task.region] = 1
    after[1, :, ~task.region] = 0.5
    seen = (see(judges, reader, images) for images in (before, after))
    columns, _ = measure(task, replace(judges, perceptual=Distance()), reader, *seen)
    assert columns["lpips_outside"].tolist() == [0, 0.5]
    torch.testing.assert_close(columns["l1_outside"], torch.tensor([0, 0.25 * 255]))
    assert columns["l1"][0] > 0 and not columns["clean"].any()


def test_sets(report: HeldOutReport) -> None:
    """Edits are compared with samples as a set: a set of random faces is nearer than one with blue hair throughout."""
    sets = {(each.editor, each.strength): each.measures for each in report.sets}
    assert {*sets} == {(NOTHING, 1), *((name, at) for name in (RANDOM, "oracle") for at in STRENGTHS)}
    assert {*sets["oracle", 1]} == {"clip_fd", "clip_kid"}
    assert sets[RANDOM, 1]["clip_kid"] < sets["oracle", 1]["clip_kid"]
    assert sets[NOTHING, 1]["clip_kid"] == pytest.approx(sets["oracle", 0]["clip_kid"], abs=1e-3)


def test_only_pictures_that_lack_a_claim_are_edited(report: HeldOutReport) -> None:
    glasses, hair = report.prompts
    assert 0 < len(glasses.images) < len(SEEDS) and {*glasses.images} <= {*report.images}
    assert {each.image for each in report.rows(prompt=hair.prompt)} == {*hair.images}
    assert glasses.claims[0]["others"] == ["a face without glasses", "a face with sunglasses"]


def test_files(report: HeldOutReport, tmp_path: Path) -> None:
    paths = save_report(report, tmp_path / "out")
    assert [path.name for path in paths] == ["report.html", "report.json"]
    again = load_held_out_report(paths[1])
    assert again.measurements == report.measurements and again.prompts == report.prompts
    record = json.loads(paths[1].read_text())
    assert (
        len(record["judges"]["clip"]["tensors_sha256"]) == 64 and "no detector" in record["judges"]["identity"]["crop"]
    )
    assert record["judges"]["clip"]["name"] == "demo-judge-clip" and "gender" in record["judges"]["left_out"]
    assert record["protocol"]["sources"] == [{"seeds": list(SEEDS)}] and record["strengths"] == list(STRENGTHS)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(UsageError, match="is not a report of `styleclip evaluate` with --judge-clip"):
        load_held_out_report(tmp_path / "other.json")


def test_a_bank_of_nothing_else(
    models: Models,
    judges: Judges,
    unedited: Unedited,
    source: EditSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without other attributes there are no flips: an edit is clean without them."""
    monkeypatch.setattr("styleclip.evaluate.held_out.run.see_unedited", lambda *_: unedited)  # takes seconds
    eyewear = tuple(each for each in judges.bank.attributes if each.name in ("eyewear", "gender"))
    few = replace(judges, bank=replace(judges.bank, attributes=eyewear))
    prompt = "a face wearing glasses"
    oracle = MeasuredEditor("oracle", {prompt: Oracle(PROMPTS[prompt])})
    report = measure_edits(models, few, [oracle], [Prompt(prompt)], [source], (1.0,), SAMPLES)
    assert all({"flips", "kept"}.isdisjoint(each.measures) and not each.flipped for each in report.measurements)
    assert mean(report.rows(editor="oracle", strength=1), "clean") >= 0.7
    *_, note = report_table(report).split("\n")
    assert note == "demo-judge-clip cannot tell, so no flips of: gender"
    assert [path.name for path in save_report(report, tmp_path)] == ["report.html", "report.json"]


def test_the_table(report: HeldOutReport) -> None:
    head, _, *rows, note, left_out = report_table(report).split("\n")
    assert (
        note == NOTE
        and "gender" in left_out
        and [row.split(" | ")[0] for row in rows] == ["| nothing", "| random", "| oracle"]
    )
    assert "LPIPS" not in head  # of which there is no file


def test_identity_is_that_of_successes(report: HeldOutReport) -> None:
    head, _, nothing, _, oracle, *_ = report_table(report).split("\n")
    place = head.split(" | ").index("identity*")
    assert nothing.split(" | ")[place] == "-" and float(oracle.split(" | ")[place][:4]) > 0.7


def test_the_bounds_stand_in_every_table(report: HeldOutReport) -> None:
    """Also in that of other strengths than 1; every row tells its strength, and no zero has a sign."""
    edits = [each for each in report.measurements if each.editor == NOTHING or each.strength == 0]
    head, _, *rows = report_table(replace(report, strengths=(0.0,), measurements=edits)).split("\n")
    assert head.startswith("| editor | strength |") and "-0.00" not in "".join(rows)
    assert [row.split(" | ")[:2] for row in rows[:3]] == [["| nothing", "1"], ["| random", "0"], ["| oracle", "0"]]


def test_the_region_of_a_prompt(models: Models, judges: Judges, unedited: Unedited) -> None:
    task = Task.of(models, judges, unedited, Prompt("a face wearing glasses"))
    height, width = task.region.shape
    assert task.region[height // 3 : height // 2].any() and not task.region[-height // 6 :].any()
    assert 0.03 < task.region.float().mean() < 0.4
    shirt = Task.of(models, judges, unedited, Prompt("a face wearing a red shirt"))
    assert shirt.region[-height // 8 :].float().mean() > 0.5 and not shirt.region[: height // 2].any()


def test_a_random_face_follows_from_the_latent(models: Models) -> None:
    latent = seed_source(models, range(3)).latent
    whole = RandomFace()(models, latent, Prompt("a hat")).data
    torch.testing.assert_close(RandomFace()(models, latent[1], Prompt("a beard")).data, whole[1:2])


def test_at_strength(models: Models) -> None:
    rows = models.generator.num_ws
    source, edited = Latent(Space.W, torch.zeros(1, 256)), Latent(Space.W_PLUS, torch.ones(1, rows, 256))
    assert at_strength(models, source, edited, 1) is edited and at_strength(models, source, edited, 0) is source
    assert at_strength(models, source, edited, -0.5).data.unique().tolist() == [-0.5]


def test_the_neutral_texts_of_a_method(models: Models) -> None:
    assert prompt_for(Nothing(), models, Prompt("an old face")) == Prompt("an old face")
    table = prompt_for(GlobalDirection(relevance="table"), models, Prompt("an old face"))
    assert table == Prompt("an old face", ("a young face", "a middle-aged face"))
    assert prompt_for(GlobalDirection(relevance="table"), models, Prompt("a", "b")) == Prompt("a", "b")


def test_refusals(models: Models, judges: Judges, source: EditSource) -> None:
    with pytest.raises(UsageError, match="demo is the CLIP that the editors follow"):
        load_judges(models, "demo")
    with pytest.raises(UsageError, match="demo is the recogniser of the identity loss"):
        load_judges(models, "demo-judge-clip", "demo")
    twice = [MeasuredEditor("same", Nothing()), MeasuredEditor("same", Nothing())]
    with pytest.raises(UsageError, match="two editors have the same label, 'same'"):
        measure_edits(models, judges, twice, [Prompt("a hat")], [source], samples=SAMPLES)
    mapper = [MeasuredEditor("map", {"an old face": Nothing()})]
    with pytest.raises(UsageError, match="'map' is trained for none of these prompts"):
        measure_edits(models, judges, mapper, [Prompt("a hat")], [source], samples=SAMPLES)
