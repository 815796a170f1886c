"""The demo CLIP: negations and styles."""

import pytest
import torch

import styleclip
from scripts.train_demo.styles import STYLES, styled
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, Faces, faces, with_state
from styleclip.evaluate.composition import measure_composition
from styleclip.evaluate.composition.questions import FORMS
from styleclip.networks.clip import CLIP
from styleclip.prompts import TEMPLATES, encode_in_templates


@pytest.fixture(scope="module")
def clip() -> CLIP:
    return styleclip.load_clip()


@pytest.fixture(scope="module")
def people() -> Faces:
    return faces(torch.randn(24, Z_DIM, generator=torch.Generator().manual_seed(9)))


@pytest.mark.parametrize("item", ["glasses", "a hat", "earrings"])
def test_not_wearing_is_read(clip: CLIP, item: str) -> None:
    name, state = {"glasses": ("eyewear", "glasses"), "a hat": ("hat", "yes"), "earrings": ("earrings", "yes")}[item]
    z = torch.randn(12, Z_DIM, generator=torch.Generator().manual_seed(10))
    without = with_state(z, name, "none" if name == "eyewear" else "no")
    pictures = [render(faces(each)) for each in (with_state(z, name, state), without)]
    texts = clip.encode_text([f"a face wearing {item}", f"a face not wearing {item}"])
    answers = [(clip.encode_image(each) @ texts.T).argmax(dim=1) for each in pictures]
    assert (answers[0] == 0).float().mean() > 0.9 and (answers[1] == 1).float().mean() > 0.9


def test_colours_are_bound_and_denials_read(clip: CLIP) -> None:
    report = measure_composition(clip, range(7000, 7006))
    shares = {each.name: each.both for each in (*report.tasks(), *report.negations())}
    assert not report.unknown
    assert all(shares[name] > 0.8 for name in ("swap", "scope", *FORMS)), shares


def test_styles_are_named(clip: CLIP, people: Faces) -> None:
    images = render(people)
    sentences = ["a photo of a face", *(f"{style.phrases[0]} of a face" for style in STYLES.values())]
    texts = encode_in_templates(clip, sentences, TEMPLATES[::8])
    pictures = [images, *(styled(images, name) for name in STYLES)]
    right = [((clip.encode_image(each) @ texts.T).argmax(1) == k).float().mean() for k, each in enumerate(pictures)]
    assert torch.stack(right).mean() > 0.85 and right[0] > 0.9
