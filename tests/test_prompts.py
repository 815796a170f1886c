"""Prompts, the 79 templates and directions between texts."""

import pytest
import torch

from styleclip.errors import UsageError
from styleclip.prompts import TEMPLATES, Prompt, PromptWarning, delta_t, encode, warn_unknown_words
from tests.helpers.tiny import tiny_clip


def test_templates_are_the_79_of_styleclip() -> None:
    assert len(TEMPLATES) == len(set(TEMPLATES)) == 79
    assert "a photo of many {}." not in TEMPLATES and "a bad photo of a {}." in TEMPLATES
    assert all(template.count("{}") == 1 for template in TEMPLATES)


@pytest.mark.parametrize(("target", "neutral"), [("", "a face"), ("  ", "a face"), ("a face", " ")])
def test_empty_texts_are_refused(target: str, neutral: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        Prompt(target, neutral)


def test_the_ensemble_is_the_mean_over_the_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tiny_clip()
    monkeypatch.setattr("styleclip.prompts.TEMPLATES", ("a {}", "red {}"))
    both = clip.encode_text(["a face", "red face"]).mean(dim=0)
    torch.testing.assert_close(encode(clip, ["face"], "ensemble")[0], both / both.norm())
    torch.testing.assert_close(encode(clip, ["face"]), clip.encode_text(["face"]))


def test_delta_t_points_from_neutral_to_target() -> None:
    clip = tiny_clip()
    target, neutral = clip.encode_text(["red hair", "a face"])
    found = delta_t(clip, Prompt("red hair", "a face"), "prompt")
    torch.testing.assert_close(found, (target - neutral) / (target - neutral).norm())


def test_equal_texts_have_no_direction() -> None:
    with pytest.raises(UsageError, match="mean the same"):
        delta_t(tiny_clip(), Prompt("a face", "a face"), "prompt")


def test_unknown_words_are_named_with_the_known_ones(recwarn: pytest.WarningsRecorder) -> None:
    clip = tiny_clip()
    warn_unknown_words(clip, Prompt("a face with red hair"))
    assert not recwarn
    with pytest.warns(PromptWarning, match=r"does not know 'zebra'; it knows: a, face, with, red"):
        warn_unknown_words(clip, Prompt("a zebra face"))
    clip.vocabulary = None
    warn_unknown_words(clip, Prompt("a zebra face"))
