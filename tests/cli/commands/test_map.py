"""`styleclip map` and `evaluate --mapper`: the edit against its formula, what is written, and one sentence each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import styleclip
from styleclip import evaluate
from styleclip.cli import main
from styleclip.errors import UsageError, WeightError
from styleclip.images import read_record
from styleclip.latents import Latent, Space, save_latent
from styleclip.methods.mapper import LatentMapper, load_trained_mapper, save_trained_mapper
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.weights.catalog import weights
from tests.helpers.checkpoint_writers import mapper_tensors
from tests.helpers.commands import invoke
from tests.helpers.mappers import PROMPT, random_mapper, random_trained_mapper
from tests.helpers.photo_commands import without_paths
from tests.helpers.support import done, failed
from tests.helpers.tiny import TINY, tiny_generator

Run = Callable[..., Result]


@pytest.fixture
def run(files: tuple[Path, Path], models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`styleclip map` on the tiny models, in an empty folder that holds the mapper m.safetensors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    save_trained_mapper(random_trained_mapper(models), tmp_path / "m.safetensors")
    words = ["map", "--model", str(files[0]), "--clip", str(files[1])]
    return lambda *more: invoke(*words, *more)


def step(kind: str, latent: Latent) -> torch.Tensor:
    with torch.no_grad():
        moved: torch.Tensor = 0.1 * random_mapper(kind)(latent.data)
    return moved


# --- the edit


@pytest.mark.parametrize(("kind", "space"), [("levels", Space.W_PLUS), ("styles", Space.S)])
@pytest.mark.parametrize("strength", [1.0, -0.5, 0.0])
def test_the_step_is_scaled(models: Models, kind: str, space: Space, strength: float) -> None:
    latent = styleclip.Editor(models).sample(seeds=(0, 1, 2))
    edited = LatentMapper(random_trained_mapper(models, kind), strength)(models, latent, PROMPT)
    source = models.generator.to_space(latent, space)
    assert edited.space is space
    torch.testing.assert_close(edited.data, source.data + strength * step(kind, source))


def test_a_path_is_as_good(models: Models, tmp_path: Path) -> None:
    path = save_trained_mapper(random_trained_mapper(models), tmp_path / "m.safetensors")
    latent = styleclip.Editor(models).sample(seed=1)
    by_path, by_value = (LatentMapper(each)(models, latent, PROMPT) for each in (path, random_trained_mapper(models)))
    torch.testing.assert_close(by_path.data, by_value.data, rtol=0, atol=0)


def test_published_files(models: Models, tmp_path: Path) -> None:
    """Their text is in the training options, and no generator is named."""
    theirs = mapper_tensors("course_mapping", "medium_mapping", width=TINY.w_dim)
    torch.save({"state_dict": theirs, "opts": {"description": "a bowl cut"}}, tmp_path / "bowlcut.pt")
    mapper = load_trained_mapper(tmp_path / "bowlcut.pt", models)
    assert mapper.prompt == Prompt("a bowl cut") and not any(p.requires_grad for p in mapper.network.parameters())
    assert LatentMapper(mapper).settings(models) == {"strength": 1.0, "mapper": {"target": "a bowl cut"}}


def test_mappers_of_other_generators(models: Models, tmp_path: Path) -> None:
    other = save_trained_mapper(random_trained_mapper(models, generator="another"), tmp_path / "other.safetensors")
    with pytest.raises(WeightError, match="trained for another generator; pass that one with --model"):
        load_trained_mapper(other, models)
    theirs = mapper_tensors("mapping", width=TINY.w_dim + 1)
    torch.save({"state_dict": theirs, "opts": {}}, tmp_path / "wide.pt")
    with pytest.raises(WeightError, match="another generator: this mapper takes w of length 9, got 8"):
        load_trained_mapper(tmp_path / "wide.pt", models)


def test_a_strength_that_is_no_number(models: Models) -> None:
    with pytest.raises(UsageError, match="strength is nan; it must be a finite number"):
        LatentMapper(random_trained_mapper(models), float("nan"))


# --- the command


def test_one_strength(run: Run, models: Models, tmp_path: Path) -> None:
    lines = done(run("--mapper", "m.safetensors", "--seed", "5", "--strength", "0.5", "--out", "out")).stdout.split()
    assert lines[0] == "out/before.png" and lines[-1] == "out/result.json"
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (record["prompt"], record["neutral"], record["method"]) == (PROMPT.target, PROMPT.recorded_neutral, "mapper")
    assert record["settings"]["strength"] == 0.5 and record["settings"]["mapper"]["target"] == PROMPT.target
    assert record["provenance"]["source"] == {"seeds": [5]}
    assert Path(record["provenance"]["mapper"]["file"]).name == "m.safetensors"
    latent = styleclip.Editor(models).sample(seed=5)
    edited = Latent.load(tmp_path / "out" / "latent.safetensors")
    torch.testing.assert_close(edited.data, latent.data + 0.5 * step("levels", latent))


def test_several_strengths(run: Run, tmp_path: Path) -> None:
    result = done(run("--mapper", "m.safetensors", "--seeds", "0-2", "--strength=-1,0,1.5", "--out", "out", "--json"))
    record = json.loads(result.stdout)
    assert [each["settings"]["strength"] for each in record["results"]] == [-1, 0, 1.5]
    folders = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert folders == ["strength_-1", "strength_0", "strength_1.5"]
    still = (tmp_path / "out" / "strength_0" / f"00{i}_{when}.png" for i in range(3) for when in ("before", "after"))
    with Image.open(next(still)) as before, Image.open(next(still)) as after:
        assert before.tobytes() == after.tobytes()
    for each, folder in zip(record["results"], folders, strict=True):  # a path in result.json, a name in pictures
        mapper = each["provenance"]["mapper"]
        assert (tmp_path / "out" / folder / mapper["file"]).samefile(tmp_path / "m.safetensors")
        mapper["file"] = "m.safetensors"
    told = {"results": without_paths(record["results"]), "picture": "grid.png"}
    assert without_paths(read_record(tmp_path / "out" / "grid.png")) == told


def test_a_grid_of_one_strength(run: Run, tmp_path: Path) -> None:
    done(run("--mapper", "m.safetensors", "--seeds", "0-1", "--grid", "--out", "out"))
    with Image.open(tmp_path / "out" / "grid.png") as grid:
        assert grid.height > 4 * 128  # before, and strengths 0.5, 1 and 1.5


def test_latents_of_a_file(run: Run, models: Models, tmp_path: Path) -> None:
    save_latent(styleclip.Editor(models).sample(seeds=range(4)), tmp_path / "faces.safetensors")
    options = ("--latent", "faces.safetensors", "--rows", "1,3", "--strength", "1,2", "--out", "out")
    done(run("--mapper", "m.safetensors", *options))
    assert len(Latent.load(tmp_path / "out" / "strength_2" / "latent.safetensors")) == 2


def test_published_files_without_a_text(run: Run, tmp_path: Path) -> None:
    theirs = mapper_tensors("mapping", width=TINY.w_dim)
    torch.save({"state_dict": theirs, "opts": {}}, tmp_path / "old.pt")
    failed(run("--mapper", "old.pt", "--out", "out"), 2, "old.pt does not tell its text; pass --prompt")
    done(run("--mapper", "old.pt", "--prompt", "an old face", "--out", "out"))
    assert json.loads((tmp_path / "out" / "result.json").read_text())["prompt"] == "an old face"


def test_results_are_not_replaced(run: Run) -> None:
    done(run("--mapper", "m.safetensors", "--out", "out", "--strength", "1,2"))
    failed(run("--mapper", "m.safetensors", "--out", "out", "--strength", "2,3"), 1, "--overwrite")
    done(run("--mapper", "m.safetensors", "--out", "out", "--strength", "2,3", "--overwrite"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Missing option '--mapper'"),
        (("--mapper", "mapper-afor"), 1, "neither a mapper nor a file nor a URL; the closest mappers are mapper-afro"),
        (("--mapper", "text.txt"), 1, "text.txt"),
        (("--mapper", "m.safetensors", "--strength", "auto"), 2, "'auto' is not a list of numbers"),
        (("--mapper", "m.safetensors", "--strength", "inf"), 2, "'inf' is not a list of numbers"),
        (("--mapper", "m.safetensors", "--strength", "1e39"), 1, "is not finite"),
        (("--mapper", "m.safetensors", "--prompt", " "), 2, "the prompt is empty"),
        (("--mapper", "m.safetensors", "--seed", "1", "--seeds", "0-3"), 2, "both name a source"),
        (
            ("--mapper", "m.safetensors", "--latent", "wide.safetensors"),
            1,
            "does not fit this generator, whose shapes are w+ [N, 6, 8]",
        ),
        (("--mapper", "m.safetensors", "--latent", "styles.safetensors"), 1, "cannot be taken back to w+"),
    ],
)
def test_one_sentence_each(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    (tmp_path / "text.txt").write_text("no mapper")
    save_latent(Latent(Space.W_PLUS, torch.zeros(1, 6, 9)), tmp_path / "wide.safetensors")
    save_latent(Latent(Space.S, torch.zeros(1, tiny_generator().layout.size)), tmp_path / "styles.safetensors")
    failed(run(*arguments, "--out", "out"), code, words)
    assert not list((tmp_path).glob("out/*"))


# --- the demo mappers


SHIPPED = sorted(name for name, weight in weights().items() if weight.kind == "mapper" and weight.ships)


def test_four_mappers_ship() -> None:
    assert len(SHIPPED) == 4


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_mappers_come_true(name: str, demo: Models) -> None:
    """On faces that no training saw; the figures for more of them are in benchmarks/mapper.md."""
    mapper = LatentMapper(load_trained_mapper(weights()[name].path, demo))
    report = evaluate.run_mappers(demo, [mapper], range(1000, 1016))
    assert report.mean("hit") >= 0.8 and report.mean("flips") <= 1.7


@pytest.mark.skipif(not SHIPPED, reason="no mapper ships")
def test_evaluate_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", *(word for name in SHIPPED[:2] for word in ("--mapper", name))]
    result = CliRunner().invoke(main, [*words, "--seeds", "0-3", "--json"], prog_name="styleclip")
    report = json.loads(done(result).stdout)
    assert report["method"] == "mapper" and len(report["prompts"]) == 2
    wrong = CliRunner().invoke(main, [*words, "--editor", "optimize"], prog_name="styleclip")
    failed(wrong, 2, "a mapper is an editor with its own prompt; leave out --editor, --setting and --prompts")
