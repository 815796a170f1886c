"""CLIP: exact resizing, both preprocessings, tokens, and open_clip models by name."""

import warnings

import open_clip
import pytest
import torch
import torch.nn.functional as F

from styleclip.errors import UsageError, WeightError
from styleclip.models.clip import CLIP, CompactTokenizer, open_clip_model, resize
from tests.tiny import WORDS, tiny_clip


@pytest.mark.parametrize("source", [64, 256, 1024])
def test_bicubic_is_torchs(source: int) -> None:
    image = torch.rand(2, 3, source, source, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(image.double(), (224, 224), mode="bicubic", antialias=True)
    torch.testing.assert_close(resize(image, 224, "bicubic").double(), expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("source", [32, 64, 256])
def test_area_is_the_recipe_of_the_paper(source: int) -> None:
    image = torch.rand(1, 3, source, source, generator=torch.Generator().manual_seed(0))
    expected = F.avg_pool2d(F.interpolate(image, scale_factor=7, mode="nearest"), source // 32)
    torch.testing.assert_close(resize(image, 224, "area"), expected, atol=1e-6, rtol=0)


def test_resize_crops_the_middle_of_a_portrait() -> None:
    image = torch.rand(1, 3, 48, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(resize(image, 32, "area"), image[:, :, 8:40])


def test_correct_preprocessing_normalises_and_paper_does_not() -> None:
    clip, image = tiny_clip(), torch.rand(1, 3, 32, 32) * 2 - 1
    expected = (image * 0.5 + 0.5 - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / torch.tensor([0.2, 0.3, 0.4])[
        :, None, None
    ]
    torch.testing.assert_close(clip.pixels(image), expected)
    clip.preprocess = "paper"
    torch.testing.assert_close(clip.pixels(image), image)


def test_image_features_are_unit_and_differentiable() -> None:
    clip = tiny_clip()
    image = torch.zeros(2, 3, 48, 48, requires_grad=True)
    features = clip.encode_image(image)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(2))
    features[0, 0].backward()
    assert image.grad is not None and image.grad[0].abs().sum() > 0 and image.grad[1].abs().sum() == 0


def test_texts_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tiny_clip()
    calls: list[list[str]] = []
    tokens = clip._tokens
    monkeypatch.setattr(clip, "_tokens", lambda texts: calls.append(texts) or tokens(texts))
    first = clip.encode_text(["a face", "red hair", "a face"])
    again = clip.encode_text(["red hair"])
    assert calls == [["a face", "red hair"]]
    torch.testing.assert_close(again[0], first[1])


def test_a_prompt_that_does_not_fit_is_refused() -> None:
    clip = tiny_clip()
    clip.encode_text([" ".join(["hair"] * 10)])
    with pytest.raises(UsageError, match="more than the 10 tokens"):
        clip.encode_text([" ".join(["hair"] * 11)])


def test_compact_tokens_keep_their_order_and_end_highest() -> None:
    tokenizer = CompactTokenizer(CompactTokenizer.tokens_of(WORDS), context=8)
    rows = tokenizer(["a red face", "a zebra"])
    assert rows[0, 0] == 1 and rows[0, 4] == tokenizer.end == rows.max() and rows[0, 5:].eq(0).all()
    assert rows[1, 1] == rows[0, 1] and 2 in rows[1]


def test_openais_model_is_the_quickgelu_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    real = open_clip.create_model

    def create(name: str, pretrained: str | None = None, **options: object) -> torch.nn.Module:
        asked.update(name=name, pretrained=pretrained)
        return real(name)

    monkeypatch.setattr(open_clip, "create_model", create)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clip = open_clip_model("ViT-B-32-quickgelu/openai")
    assert asked == {"name": "ViT-B-32-quickgelu", "pretrained": "openai"}
    assert "QuickGELU" in repr(clip.model) and clip.image_size == 224 and clip.vocabulary is None
    torch.testing.assert_close(clip.mean.flatten(), torch.tensor([0.48145466, 0.4578275, 0.40821073]))
    assert clip._tokens(["a person with purple hair"])[0, :7].tolist() == [49406, 320, 2533, 593, 5496, 2225, 49407]
    with pytest.raises(UsageError, match="75 tokens"):
        clip._tokens(["hair " * 500])


def test_unknown_open_clip_model() -> None:
    with pytest.raises(WeightError, match="neither a file nor an open_clip model"):
        open_clip_model("ViT-Z-99/openai")


def test_clip_is_a_module_without_extra_state() -> None:
    clip = tiny_clip()
    assert isinstance(clip, CLIP) and all(name.startswith("model.") for name in clip.state_dict())
