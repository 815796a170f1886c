"""Latent optimization keeps nothing that is worse than the source, however it ends."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from styleclip.editor import Editor
from styleclip.latents import Latent
from styleclip.losses import clip_loss, identity_loss
from styleclip.progress import Step
from styleclip.prompts import encode
from tests.helpers.optimizing import PROMPT, QUICK, run
from tests.helpers.tiny import tiny_models


def own_losses(latent: Latent, source: Latent) -> torch.Tensor:
    """[N]: the CLIP and identity losses of QUICK."""
    models = tiny_models()
    image, before, identity = models.generator(latent), models.generator(source), models.identity
    assert identity is not None
    reached = clip_loss(models.clip, image, encode(models.clip, [PROMPT.target]))
    return reached + 0.01 * identity_loss(identity, image, identity.embed(before))


SHORT = {"one": {"steps": 1}, "three": {"steps": 3}, "impatient": {"patience": 1}, "diverging": {"lr": 1e4}}


@pytest.mark.parametrize("restarts", [1, 3])
@pytest.mark.parametrize("changes", SHORT.values(), ids=SHORT)
def test_no_edit_is_worse_than_its_source(changes: dict[str, Any], restarts: int) -> None:
    source, edited, _ = run(replace(QUICK, explore=3.0, restarts=restarts, **changes), seeds=(0, 1, 2))
    assert (own_losses(edited, source) <= own_losses(source, source) + 1e-6).all()


@pytest.mark.parametrize("steps", [1, 2])
def test_exploration_noise_alone_is_no_edit(steps: int) -> None:
    """No step of Adam is made before the last image, so whatever is better is noise."""
    method = replace(QUICK, steps=steps, explore=1.0)
    editor = Editor(tiny_models())
    result = editor.edit(editor.sample(seeds=(0, 1)), PROMPT, method)
    assert torch.equal(result.edited.data, result.source.data) and result.unchanged == [True, True]
    assert result.notes(["Ann"]) == ["Ann, image 1: no step was better than the source, which is kept as it is"]


@pytest.mark.parametrize("explore", [0.0, 3.0])
@pytest.mark.parametrize("at", [1, 2, 7])
def test_ctrl_c_keeps_nothing_worse_than_the_source(at: int, explore: float) -> None:
    def press(step: Step) -> None:
        if step.index == at:
            raise KeyboardInterrupt

    editor = Editor(tiny_models())
    result = editor.edit(editor.sample(seeds=(0, 1)), PROMPT, replace(QUICK, explore=explore, restarts=2), press)
    assert result.interrupted
    assert (own_losses(result.edited, result.source) <= own_losses(result.source, result.source) + 1e-6).all()
    assert at < 7 or not all(result.unchanged), "by then some step is better"
