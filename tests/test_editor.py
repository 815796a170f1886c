"""The Editor: sampling, records, interruption, and pictures that are never NaN."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

from styleclip.editor import Editor
from styleclip.errors import NumericError, UsageError
from styleclip.latents import Latent, Space
from styleclip.methods.optimize import Optimize
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompt_words import PromptWarning, UnknownWordsError
from styleclip.prompts import Prompt
from tests.helpers.tiny import tiny_models

TEXT = Prompt("a face with red hair", "a face")


@dataclass(frozen=True)
class Scripted:
    """A method that reports the given losses with latents of the same value, then fails or returns the last."""

    losses: tuple[float, ...] = (1.0,)
    failure: BaseException | None = None
    name: ClassVar[str] = "scripted"

    def settings(self, models: Models) -> dict[str, Any]:
        return {"losses": self.losses}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        for i, loss in enumerate(self.losses):
            last = Latent(latent.space, torch.full_like(latent.data, loss))
            on_step(Step(i + 1, len(self.losses), {"loss": loss}, last))
        if self.failure is not None:
            raise self.failure
        return last


def test_a_seed_is_the_same_latent_in_any_batch() -> None:
    editor = Editor(tiny_models())
    torch.testing.assert_close(editor.sample(seeds=[4, 9]).data[1:], editor.sample(seed=9).data)
    assert editor.sample(seed=9).space is Space.W_PLUS


@pytest.mark.parametrize("seed", [2**70, -(2**64), 1.5, "3"])
def test_other_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(UsageError, match="the seed is .*; it must be a whole number of at most 63 bits"):
        Editor(tiny_models()).sample(seed=seed)


def test_psi_zero_is_the_average_face() -> None:
    editor = Editor(tiny_models())
    latent = editor.sample(seed=1, psi=0.0).data
    torch.testing.assert_close(latent, editor.models.generator.w_avg.expand_as(latent))


def test_a_result_tells_everything() -> None:
    editor = Editor(tiny_models(provenance={"generator": "tiny"}))
    result = editor.edit(editor.sample(seeds=[0, 1]), TEXT, Optimize(steps=2))
    assert (result.prompt, result.neutral, result.method) == ("a face with red hair", "a face", "optimize")
    assert result.settings["steps"] == 2 and result.settings["lambda_l2"] == 0.008
    assert result.provenance["generator"] == "tiny" and "torch" in result.provenance["versions"]
    assert len(result.scores) == 2 and set(result.scores[0]) == {"clip_before", "clip_after", "identity"}
    assert not result.interrupted and result.seconds > 0


def test_a_string_is_a_prompt_and_no_identity_means_no_score() -> None:
    editor = Editor(tiny_models(identity=None))
    result = editor.edit(editor.sample(), "a red face", Scripted())
    assert result.neutral == "a face" and set(result.scores[0]) == {"clip_before", "clip_after"}


def test_ctrl_c_keeps_the_best_latent_so_far() -> None:
    editor = Editor(tiny_models())
    result = editor.edit(editor.sample(), TEXT, Scripted((0.5, 0.1, 0.3), KeyboardInterrupt()))
    assert result.interrupted and result.edited.data.eq(0.1).all()


def test_ctrl_c_before_the_first_step_keeps_nothing() -> None:
    editor = Editor(tiny_models())
    with pytest.raises(KeyboardInterrupt):
        editor.edit(editor.sample(), TEXT, Scripted((), KeyboardInterrupt()))


def test_a_picture_is_never_nan() -> None:
    editor = Editor(tiny_models())
    with pytest.raises(NumericError, match="not finite"):
        editor.edit(editor.sample(), TEXT, Scripted((float("nan"),)))


def test_unknown_words_are_refused_unless_forced() -> None:
    editor = Editor(tiny_models())
    with pytest.raises(UnknownWordsError, match="zebra"):
        editor.edit(editor.sample(), "a zebra face", Scripted())
    with pytest.raises(UnknownWordsError, match="zebra"):
        editor.edit(editor.sample(), Prompt("a face", "a zebra face"), Scripted())
    with pytest.warns(PromptWarning, match="zebra"):
        result = editor.edit(editor.sample(), Prompt("a zebra face", force=True), Scripted())
    assert result.record()["force"] is True


def test_a_record_says_force_only_where_it_is_set() -> None:
    editor = Editor(tiny_models())
    assert "force" not in editor.edit(editor.sample(), TEXT, Scripted()).record()
