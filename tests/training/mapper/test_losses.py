"""The loss of a mapper is that of the paper, and sees images of the resolution it is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.latents import Latent, Space
from styleclip.losses import loss_resolution_px
from styleclip.methods.mapper import TrainedMapper
from styleclip.models import Models
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.prompts import Prompt
from styleclip.training.mapper.data import SourceCache, training_latents
from styleclip.training.mapper.losses import MapperLosses
from styleclip.training.mapper.mapper_state import new_mapper
from styleclip.training.mapper.settings import MapperTraining
from tests.helpers.mapper_training import FEW, OLD, RED, trained_step
from tests.helpers.tiny import tiny_models


class Pixels(FaceRecogniser):
    """A recogniser that knows a face by its pixels: it sees more of a small edit than a random network does."""

    def resize_crop(self, image: Tensor) -> None:
        """The picture as it is."""

    def encode_pixels(self, seen: Tensor) -> Tensor:
        return F.normalize(seen.flatten(1), dim=1)


def loss_by_hand(
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
        expected = loss_by_hand(models, prompt, training, source.latent, steps[i])
        alone = losses(source, steps[i : i + 1], [i])
        assert expected["identity"].max() < 0.999 and expected.keys() == together.keys()
        for name, value in expected.items():
            torch.testing.assert_close(together[name][i], value, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(alone[name][0], value, atol=1e-5, rtol=1e-5)


def test_layers_above_the_loss_resolution_stay(tmp_path: Path) -> None:
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
