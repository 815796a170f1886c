"""The training of latent mappers: settings, losses, batches, and that something is learned by what should learn."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import NumericError, SpaceError, UsageError
from styleclip.latents import Latent, Space
from styleclip.losses import loss_resolution_px
from styleclip.methods.mapper import TrainedMapper
from styleclip.models import Models
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.networks.latent_mapper import STEP
from styleclip.networks.stylegan2 import Generator
from styleclip.prompts import Prompt
from styleclip.settings import published
from styleclip.training.mapper.data import FixedBatches, SourceCache, split_held_out, training_latents
from styleclip.training.mapper.losses import MapperLosses
from styleclip.training.mapper.mapper_state import new_mapper
from styleclip.training.mapper.settings import MapperTraining
from styleclip.weights.state_dict import on_meta
from tests.helpers.mapper_training import FEW, OLD, RED, train_few, trained_step
from tests.helpers.tiny import TINY, tiny_models


class Pixels(FaceRecogniser):
    """A recogniser that knows a face by its pixels: it sees more of a small edit than a random network does."""

    def resize_crop(self, image: Tensor) -> None:
        """The picture as it is."""

    def encode_pixels(self, seen: Tensor) -> Tensor:
        return F.normalize(seen.flatten(1), dim=1)


# --- settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        *(({name: 0}, f"{name} is 0; it must be at least 1") for name in ("steps", "batch_size", "num_latents")),
        *(({name: -1}, f"{name} is -1; it must be at least 1") for name in ("held_out", "evaluate_every", "patience")),
        *(({name: -0.1}, f"{name} is -0.1; it must be a finite") for name in ("lr", "lambda_clip", "lambda_id")),
        *(({name: float("nan")}, f"{name} is nan; it must be a finite number") for name in ("lambda_l2", "reach")),
        ({"psi": float("inf")}, "psi is inf; it must be a finite number"),
        ({"seed": 2**32}, "seed is 4294967296; it must be at least 0 and at most 4294967295"),
        ({"seed": -1}, "seed is -1; it must be at least 0 and at most 4294967295"),
        ({"levels": ("coarse", "top")}, "'top' is no level; choose from coarse, medium, fine, all"),
        ({"levels": ("fine", "fine")}, "levels are fine, fine; name each once, or all by itself"),
        ({"levels": ("all", "fine")}, "levels are all, fine; name each once, or all by itself"),
        ({"levels": ()}, "levels are none; name each once"),
        ({"levels": ("fine",), "space": "s"}, "levels belong to W+; leave them out in style space"),
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        MapperTraining(**settings)
    assert "\n" not in str(caught.value)


def test_open_settings_take_what_suits_the_generator() -> None:
    found = MapperTraining(steps=7).resolve(tiny_models())
    assert dataclasses.asdict(found) == {**published(MapperTraining), "steps": 7}
    suited = tiny_models(defaults={"train-mapper": {"steps": 5, "lr": 0.25, "levels": ["coarse"]}})
    settled = MapperTraining(lr=0.75).resolve(suited)
    assert (settled.steps, settled.lr, settled.levels) == (5, 0.75, ("coarse",))
    assert settled.lambda_l2 == published(MapperTraining)["lambda_l2"]
    assert MapperTraining(space="s").resolve(suited).levels is None, "style space has none"


def test_the_pictures_of_the_losses() -> None:
    models = tiny_models()
    sides: dict[Any, int] = {"auto": 16, "full": 16, 8: 8, 4: 4, 256: 16}
    assert {wanted: loss_resolution_px(models.generator, models.clip, wanted) for wanted in sides} == sides
    with pytest.raises(UsageError, match="loss_resolution is 12; this generator draws 4, 8, 16 px"):
        loss_resolution_px(models.generator, models.clip, 12)


@pytest.mark.parametrize(("clip_side", "expected"), [(224, 256), (256, 256), (336, 512), (2000, 1024)])
def test_auto_is_no_smaller_than_what_clip_looks_at(clip_side: int, expected: int) -> None:
    channels = {2**k: 4 for k in range(2, 11)}
    generator = on_meta(lambda: Generator(replace(TINY, channels=channels)))
    clip = tiny_models().clip
    clip.image_size = clip_side
    assert loss_resolution_px(generator, clip, "auto") == expected


# --- losses


def by_hand(
    models: Models, prompt: Prompt, training: MapperTraining, source: Latent, step: Tensor
) -> dict[str, Tensor]:
    """Equation 4 of the paper, for steps [n, ...] of latents."""
    clip, space = models.clip, source.space
    before, after = (
        models.generator(
            Latent(space, data), resolution=loss_resolution_px(models.generator, clip, training.loss_resolution)
        )
        for data in (source.data, source.data + step)
    )
    [target], [neutral] = clip.encode_text([prompt.target]), clip.encode_text([prompt.neutrals[0]])
    goal = target.expand(len(step), -1)
    if training.clip_loss == "directional":
        goal = clip.encode_image(before) + training.reach * F.normalize(target - neutral, dim=0)
    if space is Space.S:
        layers = models.generator.layout.entries
        size = sum(step[:, layer.start : layer.start + layer.channels].square().mean(dim=1) for layer in layers)
    else:
        size = step.square().mean(dim=(1, 2))
    parts = {"clip": 1 - F.cosine_similarity(clip.encode_image(after), goal), "l2": torch.as_tensor(size)}
    weights = {"clip": training.lambda_clip, "l2": training.lambda_l2}
    loss = sum(weight * parts[name] for name, weight in weights.items() if weight)
    identity = F.cosine_similarity(before.flatten(1), after.flatten(1))
    loss = torch.as_tensor(loss) + training.lambda_id * (1 - identity)
    odds = torch.stack([clip.logit_scale * clip.encode_image(after) @ text for text in (target, neutral)])
    return {"loss": loss, **parts, "identity": identity, "target": odds.softmax(dim=0)[0]}


@pytest.mark.parametrize("space", ["w+", "s"])
@pytest.mark.parametrize("clip_loss", ["global", "directional"])
def test_the_loss_is_that_of_the_paper(space: Any, clip_loss: Any) -> None:
    """All in float32, so within some 1e-6 of each other; two prompts at once give what each gives alone."""
    models = tiny_models(identity=Pixels())
    training = replace(FEW, space=space, clip_loss=clip_loss, lambda_clip=1.5, lambda_id=0.7, lambda_l2=0.3, reach=0.6)
    training = replace(training, loss_resolution=8).resolve(models)
    source = SourceCache(models, training_latents(models, training, None), 8, True).at(torch.tensor([5, 1, 3]))
    steps = torch.randn(2, *source.latent.data.shape, generator=torch.Generator().manual_seed(0))
    losses = MapperLosses(models, [RED, OLD], training)
    together = losses(source, steps, [0, 1])
    for i, prompt in enumerate((RED, OLD)):
        expected = by_hand(models, prompt, training, source.latent, steps[i])
        alone = losses(source, steps[i : i + 1], [i])
        assert expected["identity"].max() < 0.999 and expected.keys() == together.keys()
        for name, value in expected.items():
            torch.testing.assert_close(together[name][i], value, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(alone[name][0], value, atol=1e-5, rtol=1e-5)


def test_small_pictures_leave_the_rest_no_say(tmp_path: Path) -> None:
    """At 8 px they see five of the eight layers; the networks of the others stay as they were, without an L2 loss."""
    models = tiny_models()
    layers = models.generator.layout.entries
    unseen = torch.cat([torch.arange(each.start, each.span.stop) for each in layers if each.resolution > 8])
    training = replace(FEW, space="s", torgb=True, loss_resolution=8, lambda_l2=0.0)
    _, step = trained_step(models, training, tmp_path)
    fresh = TrainedMapper(new_mapper(training.resolve(models), models.generator))
    source = training_latents(models, training.resolve(models), None)
    before = fresh.direction(source).data
    assert torch.equal(step[:, unseen], before[:, unseen])
    seen = torch.arange(int(unseen[0]))
    assert ((step - before)[:, seen].abs().amax(dim=0) > 0).all()


# --- latents


def test_a_round_visits_every_latent_once() -> None:
    rows = torch.arange(18)[torch.randperm(18, generator=torch.Generator().manual_seed(1))]
    batches = FixedBatches(rows, 4, seed=3)
    rounds = [[tuple(batches.at(5 * turn + i).tolist()) for i in range(5)] for turn in range(4)]
    assert all(sorted(row for batch in one for row in batch) == list(range(18)) for one in rounds)
    assert all(set(one) == set(rounds[0]) for one in rounds), "a latent changed its batch"
    assert len({tuple(one) for one in rounds}) > 1, "every round goes the same way"
    assert sorted(map(len, rounds[0])) == [2, 4, 4, 4, 4]
    assert [tuple(batches.at(7).tolist())] == rounds[1][2:3], "a step depends on more than its number"


@pytest.mark.parametrize(("count", "held_out"), [(1, 0), (4, 0), (5, 1), (19, 3), (24, 4), (900, 4)])
def test_latents_held_out(count: int, held_out: int) -> None:
    learning, kept = split_held_out(count, FEW)
    if not held_out:
        assert sorted(learning.tolist()) == sorted(kept.tolist()) == list(range(count))
        return
    assert len(kept) == held_out and sorted([*learning.tolist(), *kept.tolist()]) == list(range(count))


def test_a_single_latent_is_enough(tmp_path: Path) -> None:
    models = tiny_models()
    source = training_latents(models, FEW.resolve(models), None)[:1]
    [mapper] = train_few(tmp_path, models, replace(FEW, steps=12), latents=source)
    assert mapper.about["scores"]["loss"] < 0.6 and len(mapper.about["latents"]) == 64


def test_samples_are_truncated_like_any() -> None:
    models = tiny_models()
    whole, half = (training_latents(models, MapperTraining(num_latents=5, psi=psi), None).data for psi in (1.0, 0.5))
    average = models.generator.w_avg
    torch.testing.assert_close(half, average + 0.5 * (whole - average))


NAN = torch.full((6, 6, 8), torch.nan)


@pytest.mark.parametrize(
    ("latent", "error", "words"),
    [
        (Latent(Space.W_PLUS, NAN), UsageError, "hold NaN or infinite numbers, or none at all; pass latents"),
        (Latent(Space.W_PLUS, NAN[:0]), UsageError, "or none at all; pass latents of pictures"),
        (Latent(Space.W_PLUS, torch.zeros(6, 5, 8)), SpaceError, "this generator's w+ has shape [6, 8]"),
        (Latent(Space.S, torch.zeros(6, 9)), SpaceError, "this generator's s has shape [41]"),
    ],
)
def test_latents_that_do_not_fit(tmp_path: Path, latent: Latent, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        train_few(tmp_path, tiny_models(), latents=latent)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("steps", [1, 4])
def test_a_loss_that_is_not_finite(tmp_path: Path, steps: int) -> None:
    """Also where no step is left to notice it: the look at what was learned does."""
    with pytest.raises(NumericError, match=r"the loss is not finite at step \d; lower --lr, or use --dtype float32"):
        train_few(tmp_path, tiny_models(), replace(FEW, lr=1e30, steps=steps))
    assert not (tmp_path / "0.safetensors").exists()


def test_a_mapper_is_one_tenth_of_its_network(tmp_path: Path) -> None:
    models = tiny_models()
    source, step = trained_step(models, FEW, tmp_path)
    [mapper] = train_few(tmp_path / "again", models)
    with torch.no_grad():
        torch.testing.assert_close(step, 0.1 * mapper.network(source.data))
    assert STEP == 0.1
