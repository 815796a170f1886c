"""CLIP: both preprocessings, tokens, and open_clip models by name."""

import pytest
import torch

from styleclip.errors import UsageError, WeightError
from styleclip.networks.clip import CLIP, build_clip
from styleclip.networks.open_clip_hub import architectures_like, open_clip_architecture, pretrained_config
from styleclip.networks.tokenizers import CompactTokenizer
from tests.helpers.tiny import CONTEXT, WORDS, clip_config, tiny_clip


def test_correct_preprocessing_normalises_and_paper_does_not() -> None:
    clip, image = tiny_clip(), torch.rand(1, 3, 32, 32) * 2 - 1
    expected = (image * 0.5 + 0.5 - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / torch.tensor([0.2, 0.3, 0.4])[
        :, None, None
    ]
    torch.testing.assert_close(clip.preprocess_image(image), expected)
    clip.preprocess = "paper"
    torch.testing.assert_close(clip.preprocess_image(image), image)


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
    clip.encode_text([" ".join(["hair"] * (CONTEXT - 2))])
    with pytest.raises(UsageError, match=f"more than the {CONTEXT - 2} tokens"):
        clip.encode_text([" ".join(["hair"] * (CONTEXT - 1))])


def test_a_word_without_end_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tiny_clip()
    tokenizer, seen = clip.tokenizer, []
    monkeypatch.setattr(
        clip, "tokenizer", lambda texts, **more: seen.extend(map(len, texts)) or tokenizer(texts, **more)
    )
    with pytest.raises(UsageError, match=r"begins 'xxxx"):
        clip.encode_text(["x" * 100_000])
    assert max(seen) < 100


def padding_tokenizer(texts: list[str], context_length: int | None = None) -> torch.Tensor:
    """One token a word, an end token 1 that is also the padding, as the tokenizer of SigLIP has it."""
    context = context_length or CONTEXT
    rows = [[5] * len(text.split()) + [1] * context for text in texts]
    return torch.tensor([row[:context] for row in rows])


def test_the_context_holds_for_any_tokenizer() -> None:
    clip = tiny_clip()
    clip.tokenizer = padding_tokenizer
    clip.check_lengths(["hair " * CONTEXT, ""])
    with pytest.raises(UsageError, match=r"begins 'hair hair.* tokens that CLIP reads; shorten it"):
        clip.check_lengths(["a face", "hair " * (CONTEXT + 1)])


def test_compact_tokens_keep_their_order_and_end_highest() -> None:
    tokenizer = CompactTokenizer(CompactTokenizer.tokens_of(WORDS), context=8)
    rows = tokenizer(["a red face", "a zebra"])
    assert rows[0, 0] == 1 and rows[0, 4] == tokenizer.end == rows.max() and rows[0, 5:].eq(0).all()
    assert rows[1, 1] == rows[0, 1] and 2 in rows[1]


@pytest.mark.parametrize(
    ("name", "quick_gelu"),
    [("ViT-B-32-quickgelu/openai", True), ("ViT-B-32/openai", True), ("ViT-B-32/laion2b_s34b_b79k", False)],
)
def test_the_tag_decides_the_activation(name: str, quick_gelu: bool) -> None:
    clip = open_clip_architecture(name)
    assert clip.name == name
    assert ("QuickGELU" in repr(clip.model)) == quick_gelu and clip.image_size == 224 and clip.vocabulary is None
    torch.testing.assert_close(clip.mean.flatten(), torch.tensor([0.48145466, 0.4578275, 0.40821073]))
    assert clip._tokens(["a person with purple hair"])[0, :7].tolist() == [49406, 320, 2533, 593, 5496, 2225, 49407]
    with pytest.raises(UsageError, match="75 tokens"):
        clip._tokens(["hair " * 500])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-Z-99/openai", "neither a file nor an open_clip model"),
        ("ViT-B-32/openia", "'openia' is neither a file nor a tag of ViT-B-32, whose tags are openai, "),
        ("ViT-B-32/clips/absent.pt", "'clips/absent.pt' is neither a file nor a tag of ViT-B-32"),
        ("ViT-B-32", "is an architecture; say whose weights: ViT-B-32/TAG, or ViT-B-32/PATH for a file"),
    ],
)
def test_unknown_open_clip_models(name: str, message: str) -> None:
    with pytest.raises(WeightError, match=message):
        pretrained_config(name)


def test_an_architecture_whose_models_see_differently_needs_a_tag() -> None:
    with pytest.raises(WeightError, match="ViT-L-14 have different mean and std; .* laion2b_s32b_b82k"):
        open_clip_architecture("ViT-L-14")


def test_architectures_by_their_numbers() -> None:
    vision = {"image_size": 224, "patch_size": 32, "width": 768, "layers": 12}
    text = {"context_length": 77, "width": 512, "layers": 12}
    shape = {"embed_dim": 512, "vision_cfg": vision, "text_cfg": text}
    assert architectures_like(shape) == ["ViT-B-32", "ViT-B-32-quickgelu"]
    resnet = {"image_size": 224, "patch_size": None, "width": 64, "layers": [3, 4, 6, 3]}
    assert architectures_like(shape | {"embed_dim": 1024, "vision_cfg": resnet}) == ["RN50", "RN50-quickgelu"]
    assert architectures_like(shape | {"embed_dim": 3}) == []


def test_only_what_no_file_holds_is_allocated() -> None:
    with torch.device("meta"):
        clip = build_clip(clip_config())
    assert {tensor.device.type for tensor in clip.state_dict().values()} == {"meta"}
    left = {name: buffer for name, buffer in clip.named_buffers() if name not in clip.state_dict()}
    whole = dict(tiny_clip().named_buffers())
    assert left.keys() == {"mean", "std", "model.attn_mask"} == whole.keys()
    assert all(torch.equal(left[name], whole[name]) for name in left)
    assert torch.equal(left["model.attn_mask"], torch.full((CONTEXT, CONTEXT), -torch.inf).triu(1))


def test_clip_is_a_module_without_extra_state() -> None:
    clip = tiny_clip()
    assert isinstance(clip, CLIP) and all(name.startswith("model.") for name in clip.state_dict())
