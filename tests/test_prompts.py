"""Prompts, the 79 templates and directions between texts."""

import pytest
import torch

from styleclip.claims import Claim
from styleclip.errors import UsageError
from styleclip.prompts import (
    TEMPLATES,
    Prompt,
    delta_t,
    encode,
)
from tests.helpers.tiny import CONTEXT, tiny_clip


def test_templates_are_the_79_of_styleclip() -> None:
    assert len(TEMPLATES) == len(set(TEMPLATES)) == 79
    assert "a photo of many {}." not in TEMPLATES and "a bad photo of a {}." in TEMPLATES
    assert all(template.count("{}") == 1 for template in TEMPLATES)


@pytest.mark.parametrize(("target", "neutral"), [("", "a face"), ("  ", "a face"), ("a face", " ")])
def test_empty_texts_are_refused(target: str, neutral: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        Prompt(target, neutral)


@pytest.mark.parametrize(
    ("neutral", "neutrals", "recorded"),
    [
        (None, ("a face",), "a face"),
        ("a face", ("a face",), "a face"),
        ("hair", ("hair",), "hair"),
        (("a", "b"), ("a", "b"), ("a", "b")),
    ],
)
def test_neutrals(neutral: str | tuple[str, ...] | None, neutrals: tuple[str, ...], recorded: object) -> None:
    prompt = Prompt("red hair", neutral)
    assert (prompt.neutrals, prompt.recorded_neutral) == (neutrals, recorded)
    assert Prompt("red hair") == Prompt("red hair", None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\u200b\u2060", "empty"),
        ("\u3000\n", "empty"),
        ("\u0301\ufe0f", "empty"),
        ("\u3164 \u2800", "empty"),
        ("...", r"has no words \(...\)"),
        ("?!", "has no words"),
        ("a \0 face", r"control character \(\\x00\); write"),
        ("a \x1b[31m face", r"control character \(\\x1b\)"),
        ("a \x85 face", r"control character \(\\x85\)"),
        ("hair" * 2000, "8,000 characters, far more than CLIP reads; shorten it"),
        ("caf\udce9", r"not UTF-8 \(\\udce9\)"),
    ],
)
def test_texts_that_nobody_can_read_are_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Prompt(text)
    with pytest.raises(UsageError, match=words):
        Prompt("a face", ("hair", text))


@pytest.mark.parametrize("text", ["line\nline", "tab\tand\r\n", "чёлка", "👩\u200d🦰", "وجه", "\u202eabc"])
def test_texts_in_any_script_are_prompts(text: str) -> None:
    assert Prompt(text).target == text


def test_a_text_too_long_within_the_ensemble_is_named() -> None:
    clip = tiny_clip()
    text = " ".join(["hair"] * (CONTEXT - 3))
    encode(clip, [text])
    with pytest.raises(UsageError, match=r"the text that begins 'hair hair.*more than the \d+ tokens.*; shorten it"):
        encode(clip, [text], "ensemble")


def test_the_claims_of_a_prompt() -> None:
    """A neutral that is given is the only alternative, and keeps the prompt in one piece."""
    colour, eyewear = Prompt("ginger hair, no glasses").claims(
        ("a", "face", "with", "without", "red", "hair", "glasses")
    )
    assert colour.targets == ("a face with red hair",)
    assert (eyewear.targets, eyewear.alternatives) == (("a face without glasses",), ("a face with glasses",))
    [claim] = Prompt("ginger hair, no glasses", ("black hair", "glasses")).claims()
    assert claim == Claim("ginger hair, no glasses", None, ("ginger hair, no glasses",), ("black hair", "glasses"))


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
