"""Latent optimization on tiny random networks: what it does to the loss, the latent and its neighbours."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from styleclip.editor import Editor
from styleclip.errors import NumericError, UsageError
from styleclip.latents import Latent, Space
from styleclip.losses import clip_loss, identity_loss
from styleclip.methods import optimize
from styleclip.methods.optimize import Optimize
from styleclip.models import Models
from styleclip.prompts import encode
from styleclip.schedules import projector_schedule
from styleclip.stylespace.class_means import sample_goal
from styleclip.stylespace.statistics import whitening_basis
from tests.helpers.optimizing import PROMPT, QUICK, run
from tests.helpers.tiny import tiny_models


@pytest.mark.parametrize("space", ["w+", "s"])
@pytest.mark.parametrize("coordinates", ["latent", "whitened"])
@pytest.mark.parametrize("clip_loss", ["global", "directional"])
def test_the_loss_falls(space: Any, coordinates: Any, clip_loss: Any) -> None:
    method = replace(QUICK, space=space, coordinates=coordinates, clip_loss=clip_loss)
    _, edited, steps = run(method)
    assert edited.space is Space(space)
    assert steps[-1].values["loss"] < steps[0].values["loss"] - 1e-4
    assert {"loss", "clip", "l2", "identity"} == set(steps[0].values)
    assert [step.index for step in steps] == list(range(1, 13)) and steps[0].total == 12


def test_the_published_schedule() -> None:
    at = [0.1 * projector_schedule(i / 300) for i in range(300)]
    assert at[0] == 0 and at[15] == pytest.approx(0.1) and at[225] == pytest.approx(0.1)
    assert at[262] == pytest.approx(0.051, abs=5e-4) and at[299] < 1e-4


def test_published_values_fill_what_is_open_and_a_generator_may_differ() -> None:
    settings = Optimize(lr=0.3).settings(tiny_models())
    assert settings["lr"] == 0.3 and settings["steps"] == 300
    assert (settings["lambda_l2"], settings["lambda_id"]) == (0.008, 0.005)
    suited = Optimize(lr=0.3).settings(tiny_models(defaults={"optimize": {"steps": 7, "lr": 0.9}}))
    assert suited["lr"] == 0.3 and suited["steps"] == 7


def test_an_image_does_not_depend_on_its_neighbours() -> None:
    _, alone, _ = run(QUICK, seeds=(3,))
    _, together, _ = run(QUICK, seeds=(1, 3))
    torch.testing.assert_close(together.data[1:], alone.data, atol=1e-4, rtol=1e-4)


def test_torgb_styles_stay_in_style_space() -> None:
    models = tiny_models()
    source, edited, _ = run(replace(QUICK, space="s"))
    moved = (edited.data - models.generator.to_space(source, Space.S).data).abs()[0]
    mask = models.generator.layout.torgb_mask()
    assert moved[mask].max() == 0 and (moved[~mask] > 0).float().mean() > 0.9


def test_a_heavier_l2_stays_closer() -> None:
    distances = []
    for weight in (0.0, 0.1, 10.0):
        source, edited, _ = run(replace(QUICK, lambda_l2=weight))
        distances.append((edited.data - source.data).norm().item())
    assert distances[0] > distances[1] > distances[2]


def test_identity_is_not_run_at_weight_zero() -> None:
    class Unused:
        def embed(self, image: torch.Tensor) -> torch.Tensor:
            raise AssertionError("the recogniser ran")

    _, _, steps = run(replace(QUICK, lambda_id=0.0), identity=Unused())
    assert "identity" not in steps[0].values


def test_free_generation_starts_from_the_average() -> None:
    models = tiny_models()
    _, edited, steps = run(replace(QUICK, start="mean", steps=1))
    torch.testing.assert_close(edited.data, models.generator.w_avg.expand_as(edited.data))
    assert set(steps[0].values) == {"loss", "clip"}


def test_restarts_keep_the_best_of_each_image() -> None:
    _, _, once = run(QUICK, seeds=(0, 1))
    _, edited, steps = run(replace(QUICK, restarts=3), seeds=(0, 1))
    assert [step.index for step in steps] == list(range(1, 13)) and steps[-1].total == 12
    models = tiny_models()
    source = Editor(models).sample(seeds=(0, 1))
    image, identity = models.generator(edited), models.identity
    assert identity is not None
    reached = clip_loss(models.clip, image, encode(models.clip, [PROMPT.target]))
    reached = reached + 0.001 * (edited.data - source.data).square().flatten(1).sum(dim=1)
    reached = reached + 0.01 * identity_loss(identity, image, identity.embed(models.generator(source)))
    assert reached.mean() <= min(step.values["loss"] for step in once) + 1e-5


@pytest.mark.parametrize("seeds", [(3,), (0, 1)])
def test_restarts_side_by_side_are_those_one_by_one(seeds: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    method = replace(QUICK, restarts=3, explore=0.5, patience=2)  # half of them rest before the end
    _, together, steps = run(method, seeds)
    for pictures in (1, 2 * len(seeds)):  # one by one, and two with one left over
        monkeypatch.setattr(optimize, "max_batch", lambda *_, pictures=pictures: pictures)
        _, apart, shown = run(method, seeds)
        torch.testing.assert_close(together.data, apart.data, atol=1e-4, rtol=1e-4)
        assert shown[-1].total == (36 if pictures == 1 else 24)
    starts = [step.values["loss"] for step in shown if step.index % 12 == 1]
    assert steps[0].values["loss"] <= min(starts) + 1e-5, "a step tells of the run that stands best"


def test_an_image_that_rests_leaves_the_others_alone() -> None:
    method = replace(QUICK, steps=30, lr=0.5, patience=2)
    first, last, both = (run(method, seeds=seeds) for seeds in ((2,), (0,), (0, 2)))
    assert len(first[2]) < len(last[2]) == len(both[2]) < 30
    torch.testing.assert_close(both[1].data, torch.cat([last[1].data, first[1].data]), atol=1e-4, rtol=1e-4)


def test_it_stops_when_nothing_moves() -> None:
    _, _, steps = run(replace(QUICK, lr=1e-30, steps=40, patience=5))
    assert len(steps) == 6


def test_nan_is_one_sentence() -> None:
    models = tiny_models()
    models.generator.synthesis.get_parameter("b16.torgb.bias").fill_(torch.nan)
    with pytest.raises(NumericError, match="became nan at step"):
        QUICK(models, Editor(models).sample(), PROMPT)


def test_tied_layers_take_one_step() -> None:
    source, edited, _ = run(replace(QUICK, layers="tied"))
    moved = edited.data - source.data
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved))
    assert moved.abs().max() > 0.01


def test_exploring_is_seeded_and_dies_out() -> None:
    runs = [run(replace(QUICK, explore=1.0, lr=1e-30, seed=seed, patience=99))[2] for seed in (0, 0, 1)]
    losses = [[step.values["clip"] for step in steps] for steps in runs]
    assert losses[0] == losses[1] != losses[2]
    assert len(set(losses[0][:9])) == 9 and len(set(losses[0][9:])) == 1


FIELDS = ["steps", "restarts", "patience", "lr", "lambda_l2", "lambda_id", "reach", "explore"]


@pytest.mark.parametrize("field", FIELDS)
def test_senseless_settings_are_refused(field: str) -> None:
    with pytest.raises(UsageError, match=field):
        Optimize(**{field: -1})


def test_only_the_latent_gets_a_gradient() -> None:
    models = tiny_models()
    QUICK(models, Editor(models).sample(), PROMPT)
    modules = (models.generator, models.clip, models.identity)
    assert all(p.grad is None for module in modules for p in module.parameters())  # type: ignore[union-attr]


@pytest.mark.parametrize("space", [Space.W, Space.S])
def test_whitened_coordinates_have_unit_spread(space: Space) -> None:
    generator = tiny_models().generator
    w = generator.map(torch.randn(5000, generator.config.z_dim, generator=torch.Generator().manual_seed(1)))
    data = generator.to_space(Latent(Space.W, w), space).data
    basis = whitening_basis(generator, space).basis
    centered = data - data.mean(dim=0)
    found = centered / basis if basis.ndim == 1 else torch.linalg.solve(basis.T, centered.T).T
    torch.testing.assert_close(found.std(dim=0), torch.ones(found.shape[1]), atol=0.08, rtol=0)


def test_the_losses_may_look_at_a_smaller_picture_and_no_block_behind_it_runs() -> None:
    models, drawn = tiny_models(), []
    models.generator.synthesis.b16.torgb.register_forward_hook(lambda *_: drawn.append(16))
    source = Editor(models).sample(seeds=(0,))
    counts = {}
    for wanted in ("auto", "full", 8):
        drawn.clear()
        replace(QUICK, loss_resolution=wanted)(models, source, PROMPT)  # type: ignore[arg-type]
        counts[wanted] = len(drawn)
    assert counts == {"auto": 13, "full": 13, 8: 0}, "the source once, then twelve steps"
    with pytest.raises(UsageError, match="loss_resolution is 12; this generator draws 4, 8, 16 px"):
        replace(QUICK, loss_resolution=12)(models, source, PROMPT)


def test_a_heavy_prior_gives_the_step_of_the_samples() -> None:
    models = tiny_models()
    source = Editor(models).sample(seeds=(0, 1))
    method = replace(QUICK, goal="samples", prior="samples", lambda_id=0.0, samples=60, coordinates="whitened")
    goal = sample_goal(models, PROMPT, Space.W, count=60)
    _, step = goal.step(models.clip_features(source))
    heavy = replace(method, lambda_l2=1e6, layers="tied")(models, source, PROMPT)
    torch.testing.assert_close(heavy.data - source.data, step[:, None].expand_as(source.data), atol=1e-2, rtol=1e-2)
    twice = replace(method, lambda_l2=1e6, layers="tied", strength=2.0)(models, source, PROMPT)
    torch.testing.assert_close(twice.data - source.data, 2 * (heavy.data - source.data), atol=2e-2, rtol=2e-2)


def test_the_record_says_how_the_prompt_was_understood(demo: Models) -> None:
    editor = Editor(demo)
    result = editor.edit(editor.sample(seeds=range(4)), "no glasses", Optimize(steps=1))
    [details] = result.details
    assert details["claims"][0]["negated"] and details["samples"] == 2000 and len(details["shown"]) == 4
    assert result.explanation() == [
        "not 'glasses' (eyewear): to 'a face without glasses', from 'a face with glasses' or 'a face with sunglasses'"
    ]
    names = ["Ann", "Bob", "Cid", "Dot"]
    shown = [i for i, value in enumerate(details["shown"]) if value >= 0.5]
    kept = [i for i, same in enumerate(result.unchanged) if same]
    assert shown == [0, 2, 3] and kept == [2]
    assert max(details["shown"][0], details["shown"][3]) < 0.99  # they move a hundredth of the way
    assert result.notes(names) == [
        f"{', '.join(names[i] for i in shown)}: shows 'no glasses' already",
        f"{', '.join(names[i] for i in kept)}: no step was better than the source, which is kept as it is",
    ]
    published = editor.edit(editor.sample(), "a smiling face", Optimize(goal="text", prior="source", steps=1))
    assert published.details == [] and published.explanation() == [] and published.unchanged == [True]
