"""Adaptation of a tiny generator: its loss, what is measured, Ctrl-C, resumption, and the child's file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import styleclip
from styleclip.canvases.adaptation.adapt import adapt, training_folder
from styleclip.canvases.adaptation.child import AdaptedGenerator
from styleclip.canvases.adaptation.evaluation import Plateau, diversity
from styleclip.canvases.adaptation.losses import AdaptationLoss, WeightedClip
from styleclip.canvases.adaptation.settings import Adaptation
from styleclip.canvases.adaptation.views import mirrored_views, with_views
from styleclip.errors import OutputError, UsageError
from styleclip.models import Models
from styleclip.progress import Step
from styleclip.prompts import Prompt
from styleclip.training.checkpoint import STATE
from styleclip.weights.load import fingerprint
from tests.helpers.files import tensor_content
from tests.helpers.tiny import tiny_clip, tiny_models

RED = Prompt("a face with red hair", "a face")
SHORT = Adaptation(steps=6, layer_share=1.0, noise="const", min_change=0.1, evaluate_every=2, lr=0.01)


def train(models: Models, path: Path | None = None, settings: Adaptation = SHORT, **options: Any) -> AdaptedGenerator:
    return adapt(models, RED, settings, path, **{"preview_every": 0, **options})


class Interrupt:
    """An `on_step` that presses Ctrl-C after some step."""

    def __init__(self, step: int) -> None:
        self.step, self.indices = step, list[int]()

    def __call__(self, step: Step) -> None:
        self.indices.append(step.index)
        if step.index == self.step:
            raise KeyboardInterrupt


def test_the_loss_falls_and_the_parent_stays() -> None:
    models, steps = tiny_models(), list[Step]()
    before = fingerprint(models.generator)
    child = train(models, settings=replace(SHORT, steps=12, batch_size=4), on_step=steps.append)
    measured = [step.values for step in steps if "diversity" in step.values]
    assert len(measured) == 6
    assert measured[-1]["directional"] < measured[0]["directional"] < 1
    assert child.about["scores"]["directional"] == pytest.approx(measured[-1]["directional"], abs=1e-3)
    assert child.about["scores"]["target"] != child.about["scores"]["target_before"]
    assert fingerprint(models.generator) == before != fingerprint(child.generator)


def test_adaptive_layers_change_fewer_tensors() -> None:
    child = train(tiny_models(), settings=replace(SHORT, steps=1, layer_share=0.34, freezing="mended"))
    own, before = child.generator.state_dict(), child.parent.state_dict()
    layers = {
        name.rpartition(".affine")[0] or name.rpartition(".")[0] for name in own if not own[name].equal(before[name])
    }
    assert len(layers) == 2  # of six rows


def test_views_and_torgb_layers() -> None:
    models = tiny_models()
    child = train(models, settings=replace(SHORT, steps=1, views=2, torgb=True))
    own, before = child.generator.state_dict(), child.parent.state_dict()
    changed = {name.split(".")[2] for name in own if not own[name].equal(before[name])}
    assert changed == {"const", "conv0", "conv1", "torgb"}
    plain = train(models, settings=replace(SHORT, steps=1, torgb=True))
    assert fingerprint(plain.generator) != fingerprint(child.generator)


def test_half_of_the_views_are_mirrored() -> None:
    ramp = torch.linspace(-1, 1, 16).expand(1, 3, 16, 16)
    transforms = mirrored_views(40, torch.Generator().manual_seed(0))
    images = with_views(ramp, transforms)
    assert len(images) == 41 and torch.equal(images[:1], ramp)
    rises = images[1:, 0, 8, 11] > images[1:, 0, 8, 4]
    assert 10 < int(rises.sum()) < 30


def test_published_settings_run() -> None:
    child = train(tiny_models(), settings=Adaptation(steps=2, noise="random"))
    assert child.about["layer_share"] == 2 / 3 and child.about["freezing"] == "published"
    assert child.about["kept_step"] == 2


def test_several_clips_add_up() -> None:
    clips = [WeightedClip(tiny_clip(0), 1.0), WeightedClip(tiny_clip(1), 0.5)]
    images, others = torch.rand(2, 2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    both = AdaptationLoss(clips, RED, 1e-6).directional(images, others)
    alone = [AdaptationLoss([clip], RED, 1e-6).directional(images, others) for clip in clips]
    assert both == pytest.approx(float(alone[0] + alone[1]))
    single = AdaptationLoss([WeightedClip(tiny_clip(1))], RED, 1e-6).directional(images, others)
    assert alone[1] == pytest.approx(0.5 * float(single))


def test_ctrl_c_keeps_what_was_reached_and_resuming_ends_in_the_same_bits(tmp_path: Path, models: Models) -> None:
    train(models, tmp_path / "whole.safetensors")
    path = tmp_path / "cut.safetensors"
    cut = train(models, path, on_step=Interrupt(3))
    assert cut.interrupted and cut.about["steps_done"] == 3
    assert (training_folder(path) / STATE).exists() and styleclip.load_generator(path)
    with pytest.raises(OutputError, match="exists"):
        train(models, path)
    seen = Interrupt(99)
    assert not train(models, path, resume=True, on_step=seen).interrupted
    assert seen.indices == [4, 5, 6]
    assert tensor_content(path) == tensor_content(tmp_path / "whole.safetensors")
    lines = [(training_folder(tmp_path / name) / "metrics.jsonl").read_text() for name in ("cut", "whole")]
    assert lines[0] == lines[1] and len(lines[0].splitlines()) == 6
    assert not (training_folder(path) / STATE).exists()


def test_a_finished_child_is_not_trained_again(tmp_path: Path, models: Models) -> None:
    path = tmp_path / "child.safetensors"
    child, seen = train(models, path), Interrupt(99)
    again = train(models, path, resume=True, on_step=seen)
    assert not seen.indices
    assert fingerprint(again.generator) == fingerprint(child.generator)
    with pytest.raises(OutputError, match="with lr 0.01, not 0.02"):
        train(models, path, settings=replace(SHORT, lr=0.02), resume=True)


def test_the_file_holds_the_parent_and_previews_show_both(
    tmp_path: Path, models: Models, files: tuple[Path, Path]
) -> None:
    path = tmp_path / "child.safetensors"
    child = train(models, path, preview_every=4, metadata={"licence": "MIT"})
    parent, whole = (styleclip.load(str(path), clip=files[1], identity="none", amount=amount) for amount in (0, 1))
    assert parent.generator_fingerprint == models.generator_fingerprint
    assert whole.generator_fingerprint == fingerprint(child.generator) != parent.generator_fingerprint
    record = json.loads(tensor_content(path)[0]["__metadata__"]["about"])
    assert (record["source"], record["target"]) == ("a face", "a face with red hair")
    assert record["parent"]["network"] == models.generator_fingerprint
    sheets = sorted(each.name for each in training_folder(path).glob("*.png"))
    assert sheets == ["samples_000004.png", "samples_000006.png"]


def test_it_stops_before_the_diversity_collapses() -> None:
    child = train(tiny_models(), settings=replace(SHORT, min_diversity=1.5))
    assert child.about["steps_done"] == 2
    assert child.about["stopped"].startswith("diversity fell to")


def test_the_plateau() -> None:
    plateau = Plateau(replace(SHORT, patience=2, min_diversity=0.5))

    def said(loss: float, target: float, diversity: float = 0.9) -> str:
        return plateau(0, {"loss": loss, "target": target, "diversity": diversity})

    assert [said(0.9, 0.1), said(0.8, 0.1), said(0.799, 0.1), said(0.85, 0.2), said(0.798, 0.21)] == [""] * 5
    assert said(0.798, 0.22) == "no improvement in 2 measurements"
    state = json.loads(json.dumps(plateau.state_dict()))
    plateau = Plateau(plateau.adaptation)
    plateau.load_state_dict(state)
    assert said(0.8, 0.2) == "no improvement in 3 measurements"
    assert said(0.1, 0.9, diversity=0.4) == "diversity fell to 0.40 of the parent's"


def test_diversity_is_the_mean_distance_of_pairs() -> None:
    models = tiny_models()
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert diversity(models, images[:1].expand(3, -1, -1, -1)) == pytest.approx(0, abs=1e-6)

    class Pixels:
        def distance(self, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return (image - target).abs().flatten(1).mean(dim=1)

    pairs = [(images[i] - images[j]).abs().mean() for i, j in ((0, 1), (0, 2), (1, 2))]
    assert diversity(replace(models, perceptual=Pixels), images) == pytest.approx(float(torch.stack(pairs).mean()))


@pytest.mark.parametrize(
    ("prompt", "changes", "words"),
    [
        (Prompt("a face", ("an old face", "a face with hair")), {}, "got 2 sources; pass one"),
        (Prompt("a face", "a face"), {}, "mean the same to CLIP"),
        (RED, {"provenance": {"tuned": "0"}}, "tuned to one photo"),
    ],
)
def test_what_cannot_be_taken(prompt: Prompt, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        adapt(tiny_models(**changes), prompt, SHORT)


def test_mixed_precision_is_refused() -> None:
    models = tiny_models()
    models.generator.to_mixed_precision(torch.bfloat16)
    with pytest.raises(UsageError, match="pass --dtype float32"):
        train(models)
