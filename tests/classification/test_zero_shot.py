"""Zero-shot classification: open_clip's own numbers, the demo CLIP on renders, records and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

import styleclip
from styleclip.classification.zero_shot import Scores
from styleclip.demo.render import render
from styleclip.demo.world import faces
from styleclip.errors import PhotoError, UsageError
from styleclip.images import to_pil
from styleclip.networks.clip import CLIP
from styleclip.networks.open_clip_hub import open_clip_architecture
from styleclip.prompt_words import PromptWarning
from tests.helpers.tiny import tiny_clip

MEAN, STD = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
LABELS = ["cat", "red hat"]
TEMPLATES = ("a photo of a {}.", "itap of my {}.")


@pytest.fixture(scope="module")
def demo() -> CLIP:
    return styleclip.load_clip("demo")


@pytest.fixture(scope="module")
def scores(demo: CLIP) -> Scores:
    people = faces(torch.randn(12, 64, generator=torch.Generator().manual_seed(7)))
    return styleclip.zero_shot(demo, render(people), ["a face with glasses", "a face without glasses"])


@pytest.fixture
def random_vit(monkeypatch: pytest.MonkeyPatch) -> CLIP:
    """open_clip's ViT-B-32, with random numbers that repeat, as drawing 150 million of them takes seconds."""
    for name in ("normal_", "uniform_", "xavier_uniform_", "kaiming_uniform_", "trunc_normal_"):
        monkeypatch.setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)
    clip = open_clip_architecture("ViT-B-32").eval()
    numbers = torch.randn(99_991, generator=torch.Generator().manual_seed(0))
    for name, parameter in clip.named_parameters():
        rows = -(-parameter.numel() // len(numbers))
        if parameter.ndim > 1 or name.endswith(("bias", "class_embedding")):
            parameter.data.copy_(0.03 * numbers.repeat(rows)[: parameter.numel()].reshape(parameter.shape))
    return clip


def test_the_probabilities_are_those_of_open_clip(random_vit: CLIP) -> None:
    """Of a random ViT-B-32: open_clip's own preprocessing of a square picture and its own classifier."""
    clip = random_vit
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8))
    preprocess = open_clip.image_transform(224, is_train=False, mean=MEAN, std=STD)
    tokenizer, functions = open_clip.get_tokenizer("ViT-B-32"), [template.format for template in TEMPLATES]
    with torch.no_grad():
        classifier = open_clip.build_zero_shot_classifier(clip.model, tokenizer, LABELS, functions)
        features = clip.model.encode_image(preprocess(image)[None], normalize=True)
        expected = (clip.model.logit_scale.exp() * features @ classifier).softmax(dim=-1)
    found = styleclip.zero_shot(clip, image, LABELS, TEMPLATES)
    assert (found.probabilities - expected).abs().max() < 1e-5 and expected.max() > 0.501


def test_the_demo_clip_sees_glasses(scores: Scores) -> None:
    people = faces(torch.randn(12, 64, generator=torch.Generator().manual_seed(7)))
    eyewear = people.labels["eyewear"].tolist()
    expected = {0: "a face without glasses", 1: "a face with glasses"}
    seen = [(text, expected[label]) for text, label in zip(scores.predictions, eyewear, strict=True) if label in (0, 1)]
    assert len(seen) > 6 and all(found == right for found, right in seen)
    assert torch.allclose(scores.probabilities.sum(dim=1), torch.ones(12))


def test_files_arrays_pictures_and_tensors_are_the_same(demo: CLIP, tmp_path: Path) -> None:
    picture = to_pil(render(faces(torch.randn(1, 64, generator=torch.Generator().manual_seed(1)))))[0]
    picture.save(tmp_path / "a.png")
    pixels = np.array(picture)
    tensor = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() - 127.5) / 127.5
    texts = ["an old face", "a young face"]
    found = [
        styleclip.zero_shot(demo, given, texts, ("{}",)).probabilities
        for given in (str(tmp_path / "a.png"), tmp_path / "a.png", picture, pixels, tensor)
    ]
    assert all(torch.equal(each, found[0]) for each in found)


def test_a_result_is_saved_as_a_whole(scores: Scores, tmp_path: Path) -> None:
    paths = scores.save(tmp_path)
    assert [path.name for path in paths] == ["scores.png", "result.json"]
    record = json.loads((tmp_path / "result.json").read_text())
    assert record["clip"] == "demo" and len(record["pictures"]) == 12 and len(record["templates"]) == 79
    first = record["pictures"][0]
    assert first["picture"] == "picture 1" and first["prediction"] == scores.predictions[0]
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    with Image.open(tmp_path / "scores.png") as sheet:
        assert sheet.height > 12 * 150


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["a face"], "pass two or more"),
        (["a face", " a face "], "given twice"),
        (["a face", "..."], "has no words"),
    ],
)
def test_texts_that_cannot_be_compared(texts: list[str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        styleclip.zero_shot(tiny_clip(), torch.zeros(1, 3, 8, 8), texts)


@pytest.mark.parametrize("template", ["a photo", "{} and {}", "{0}", "a {x} {}"])
def test_templates_without_a_place(template: str) -> None:
    with pytest.raises(UsageError, match="put it in the place of the text"):
        styleclip.zero_shot(tiny_clip(), torch.zeros(1, 3, 8, 8), ["a face", "red hair"], (template,))


def test_unknown_words_and_files_that_are_no_pictures(tmp_path: Path) -> None:
    with pytest.warns(PromptWarning, match="'zebra'"):
        styleclip.zero_shot(tiny_clip(), torch.zeros(1, 3, 8, 8), ["a face", "a zebra"], ("{}",))
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(PhotoError):
        styleclip.zero_shot(tiny_clip(), tmp_path / "a.png", ["a face", "red hair"])
