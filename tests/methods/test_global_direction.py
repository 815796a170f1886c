"""Global directions: the published formula, the rules that choose beta and alpha, and files that share an edit."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.directions.loading import load_direction, save_direction
from styleclip.editor import Editor
from styleclip.errors import UsageError, WeightError
from styleclip.latents import Space, StyleLayout
from styleclip.methods import auto_alpha
from styleclip.methods.auto_alpha import PLATEAU
from styleclip.methods.channel_relevance import auto_beta, beta_for, style_weights
from styleclip.methods.global_direction import GlobalDirection
from styleclip.models import Models
from styleclip.progress import Step
from styleclip.prompts import Prompt, delta_t, zero_shot_probability
from styleclip.relevance_table import StyleStatistics
from styleclip.weights.relevance_files import load_relevance
from tests.helpers.tiny import models_with_table, tiny_clip, tiny_models

PROMPT = Prompt("a face with red hair", ("a face", "a face with hair"))
FULL = StyleLayout.from_channels({4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32})


@pytest.mark.parametrize(("rows", "finest"), [(6048, 1024), (5376, 128)])
def test_a_published_table_gives_the_published_direction(rows: int, finest: int, tmp_path: Path) -> None:
    """`fs3.npy` at 1024 px against the formula, written out layer by layer as StyleCLIP stores it."""
    source = np.random.default_rng(rows)
    fs3 = source.normal(size=(rows, 10))
    fs3 /= np.linalg.norm(fs3, axis=1, keepdims=True)
    np.save(tmp_path / "fs3.npy", fs3)
    std = source.uniform(0.1, 2.0, FULL.size)
    clip = tiny_clip()
    spread = StyleStatistics(torch.zeros(FULL.size), torch.from_numpy(std).float())
    table = load_relevance(tmp_path / "fs3.npy", FULL, clip, "", spread)
    generator: Any = SimpleNamespace(layout=FULL, w_avg=torch.zeros(1))
    found = GlobalDirection(beta=0.3).find(Models(generator, clip, relevance=lambda: table), PROMPT)

    along = fs3 @ delta_t(clip, PROMPT).double().numpy()
    along[np.abs(along) < 0.3] = 0
    along /= np.abs(along).max()
    expected, taken = np.zeros(FULL.size), 0
    for entry in FULL.entries:
        if not entry.is_torgb and entry.resolution <= finest:
            expected[entry.span] = along[taken : taken + entry.channels] * std[entry.span]
            taken += entry.channels
    assert taken == rows
    np.testing.assert_allclose(found.direction.data[0].numpy(), expected, atol=1e-6)
    assert len(found.channels) == (along != 0).sum()


def test_alpha_moves_and_reverses() -> None:
    models = models_with_table()
    source = Editor(models).sample(seeds=(0, 1))
    styles = models.generator.to_space(source, Space.S).data
    method = GlobalDirection(alpha=3.0, channels=5)
    direction = method.find(models, PROMPT).direction.data
    there, back = (replace(method, alpha=alpha)(models, source, PROMPT).data for alpha in (3.0, -3.0))
    torch.testing.assert_close(there - styles, (3 * direction).expand_as(styles), atol=1e-5, rtol=0)
    torch.testing.assert_close(there + back, 2 * styles, atol=1e-5, rtol=0)
    assert (direction != 0).sum() == 5


@pytest.mark.parametrize(("torgb", "moved"), [(False, False), (True, True), (None, False)])
def test_torgb_channels_move_only_when_asked(torgb: bool | None, moved: bool) -> None:
    models = models_with_table()
    mask = models.generator.layout.torgb_mask()
    found = GlobalDirection(torgb=torgb, beta=0.0).find(models, PROMPT)
    assert bool(found.weights[mask].any()) is moved
    assert (found.weights[~mask] != 0).all()


def test_beta_is_a_threshold_on_the_cosine() -> None:
    models = models_with_table()
    table = models.relevance()
    assert table is not None
    cosine = table.delta_i @ delta_t(models.clip, PROMPT)
    found = GlobalDirection(beta=0.4, torgb=True).find(models, PROMPT)
    assert torch.equal(found.weights != 0, cosine.abs() >= 0.4)
    torch.testing.assert_close(found.weights, torch.where(cosine.abs() >= 0.4, cosine / cosine.abs().max(), 0.0))
    expected = (found.weights * cosine * table.effect).sum().item()
    assert found.movement == pytest.approx(expected, rel=1e-5)


def test_channels_chooses_the_beta_that_so_many_reach() -> None:
    relevance = torch.tensor([0.1, -0.5, 0.3, 0.0, 0.2])
    assert beta_for(relevance, 2) == pytest.approx(0.3)
    assert style_weights(relevance, beta_for(relevance, 3)).tolist() == pytest.approx([0, -1, 0.6, 0, 0.4])
    with pytest.raises(UsageError, match="5 channels are too many; 4 have"):
        beta_for(relevance, 5)


def test_auto_beta_keeps_outliers() -> None:
    noise = 0.05 * torch.randn(2000, generator=torch.Generator().manual_seed(0))
    relevance = torch.cat([noise, torch.tensor([0.5, -0.4, 0.0])])
    beta = auto_beta(relevance)
    assert 0.05 < beta < 0.2
    kept = relevance.abs() >= beta
    assert kept[-3:].tolist() == [True, True, False] and kept.float().mean() < 0.1
    assert auto_beta(torch.tensor([0.0, 0.2])) == pytest.approx(0.2)  # one channel: itself


def test_nothing_selected_names_the_largest_relevance() -> None:
    models = models_with_table()
    cosine = GlobalDirection(beta=0.0).find(models, PROMPT).relevance
    with pytest.raises(UsageError, match=f"no style channel reaches beta 0.99; .* is {cosine.abs().max():.3f}"):
        GlobalDirection(beta=0.99).find(models, PROMPT)
    with pytest.raises(UsageError, match="mean the same to CLIP"):
        GlobalDirection().find(models, Prompt("a face", "a face"))
    for broken in (torch.zeros(4), torch.tensor([torch.nan, 1.0])):
        with pytest.raises(UsageError, match="the largest relevance"):
            style_weights(broken, 0.1)


def test_auto_alpha_is_the_least_that_makes_clip_sure() -> None:
    """Against the rule written out for one image at a time; tiny CLIP never moves by so much of a reach."""
    models, prompt = models_with_table(), Prompt("an old face", "red hair")
    source = Editor(models).sample(seeds=range(8))
    styles = models.generator.to_space(source, Space.S)
    method = GlobalDirection(alpha="auto", channels=20, torgb=True, reach=0.5)
    found = method.find(models, prompt)
    assert found.movement is not None
    ladder = (0.2 ** torch.linspace(1, 0, 10) * 0.5 / found.movement).tolist()

    def target_probability_at(alpha: float) -> Tensor:
        pictures = [models.generator(styles[i] + alpha * found.direction) for i in range(8)]
        return zero_shot_probability(models.clip, models.clip.encode_image(torch.cat(pictures)), prompt)

    tried = torch.stack([target_probability_at(alpha) for alpha in ladder])  # [10, 8]
    for sure in (tried[5].median().item(), 1.0):
        alpha = replace(method, sure=sure).find(models, prompt).strengths(models, styles)
        for i in range(8):
            wanted = min(sure, PLATEAU * tried[:, i].max().item())
            least = next(a for a, p in zip(ladder, tried[:, i].tolist(), strict=True) if p >= wanted)
            assert alpha[i].item() == pytest.approx(least, rel=1e-4)


def test_a_picture_clip_was_sure_of_is_edited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sure from the start, CLIP still has to move by 0.65 of the reach: the fourth of ten steps here."""
    models = models_with_table()
    walk = torch.tensor([0.0, 0.1, 0.3, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9])  # before, and at each strength
    along = delta_t(models.clip, PROMPT)
    looks = iter((step * along)[None] for step in walk)
    monkeypatch.setattr(Models, "clip_features", lambda self, latent: next(looks))
    monkeypatch.setattr(auto_alpha, "zero_shot_probability", lambda *_: torch.tensor([0.99]))
    found = GlobalDirection(channels=5).find(models, PROMPT)
    styles = models.generator.to_space(Editor(models).sample(), Space.S)
    alpha = found.with_settings(replace(found.found_with, reach=1.0, sure=0.9)).at("auto").strengths(models, styles)
    assert found.movement is not None
    assert alpha.item() == pytest.approx(0.2 ** (1 - 3 / 9) / found.movement, rel=1e-4)


def test_an_image_does_not_depend_on_its_neighbours() -> None:
    models = models_with_table()
    method = GlobalDirection(alpha="auto", channels=20, reach=3.0, sure=0.4)
    together = method(models, Editor(models).sample(seeds=range(4)), PROMPT)
    alone = method(models, Editor(models).sample(seed=2), PROMPT)
    torch.testing.assert_close(together.data[2:3], alone.data, atol=1e-5, rtol=1e-5)


def test_steps_of_auto_alpha_are_told() -> None:
    models, steps = models_with_table(), []
    method = GlobalDirection(alpha="auto", channels=20, reach=3.0)
    method(models, Editor(models).sample(seeds=range(2)), PROMPT, steps.append)
    assert [step.index for step in steps] == list(range(1, 11)) and isinstance(steps[0], Step)
    losses = [step.values["loss"] for step in steps]
    assert losses == sorted(losses, reverse=True)


def test_settings_are_filled_by_the_generator_then_as_published() -> None:
    suited = tiny_models(defaults={"global-dir": {"alpha": "auto", "torgb": True}})
    assert GlobalDirection(relevance="table").settings(tiny_models())["alpha"] == 4.0
    by_regression = GlobalDirection().settings(tiny_models())
    assert [by_regression[name] for name in ("relevance", "alpha", "torgb")] == ["regression", "auto", True]
    assert GlobalDirection().settings(models_with_table())["relevance"] == "table"
    settings = GlobalDirection(torgb=False, channels=7, relevance="table").settings(suited)
    assert (settings["alpha"], settings["torgb"], settings["channels"], settings["beta"]) == ("auto", False, 7, None)
    assert "found" not in settings


@pytest.mark.parametrize(
    "senseless",
    [
        {"alpha": float("nan")},
        {"beta": -0.1},
        {"beta": 0.1, "channels": 3},
        {"channels": 0},
        {"images": 0},
        {"refine_top": -1},
        {"relevance": "table", "refine_top": 5},
        {"sure": float("inf")},
    ],
)
def test_senseless_settings_are_refused(senseless: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(senseless)) if "relevance" not in senseless else "refine_top"):
        GlobalDirection(**senseless)


def test_gradient_needs_no_table() -> None:
    models = tiny_models()
    with pytest.raises(UsageError, match="has no relevance table; make one with `styleclip prepare --method exact`"):
        GlobalDirection(relevance="table").find(models, PROMPT)
    found = GlobalDirection(relevance="gradient", images=4, channels=6).find(models, PROMPT)
    assert len(found.channels) == 6 and found.relevance.abs().max() <= 1.0
    assert found.movement is not None and found.movement > 0
    refined = GlobalDirection(relevance="gradient", images=4, refine_top=12, channels=6).find(models, PROMPT)
    assert (refined.relevance != 0).sum() <= 12


def test_a_direction_file_holds_the_edit(tmp_path: Path) -> None:
    models = models_with_table(provenance={"generator": {"network": "abc"}})
    source, method = Editor(models).sample(seeds=(4, 5)), GlobalDirection(alpha=2.5, channels=9)
    found = method.find(models, PROMPT)
    read = load_direction(save_direction(found, models, tmp_path / "red.safetensors"), models)
    assert read.prompt == PROMPT and (read.alpha, read.beta, read.movement) == (2.5, found.beta, found.movement)
    applied = read(models, source, PROMPT)
    assert torch.equal(applied.data, method(models, source, PROMPT).data)
    other = replace(models, provenance={"generator": {"network": "other"}})
    with pytest.raises(WeightError, match="another generator"):
        load_direction(tmp_path / "red.safetensors", other)


def test_rows_name_layers() -> None:
    models = models_with_table()
    layout = models.generator.layout
    found = GlobalDirection(channels=7, torgb=True).find(models, PROMPT)
    rows = found.channel_table(layout)
    starts = {entry.name: entry.start for entry in layout.entries}
    assert [starts[row["layer"]] + row["index"] for row in rows] == found.channels.tolist()
    sizes = [abs(row["weight"]) for row in rows]
    assert sizes[0] == 1.0 and sizes == sorted(sizes, reverse=True) and len(rows) == 7
