"""CLIP files of OpenAI and of open_clip: the right network, QuickGELU where it belongs, and nothing guessed."""

from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
import torch.nn.functional as F

import styleclip
from styleclip.errors import WeightError
from styleclip.weights.formats import openai_clip
from styleclip.weights.formats.content import FileTree
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import load_clip_file
from styleclip.weights.locate import PUBLISHED_PARTS
from styleclip.weights.safe_pickle.globals import InertObject
from tests.helpers.clip_archives import (
    Weights,
    openai_mix,
    quick_gelu,
    weights_of,
    write_by_hand,
    write_by_torch,
    write_state_dict,
)
from tests.helpers.clip_features import MEAN, ROUNDING, STD, TEXTS, TINY_RESNET, TINY_VIT, difference
from tests.helpers.tiny import tiny_generator


@pytest.mark.parametrize("write", [write_by_hand, write_by_torch, write_state_dict])
def test_openais_files_are_read_with_quick_gelu(tmp_path: Path, write: Callable[[Weights, Path], Path]) -> None:
    tensors = openai_mix(weights_of(TINY_VIT))
    assert sum(tensor.dtype == torch.half for tensor in tensors.values()) == 2 + 2 * 2 * 8 + 1
    clip = load_clip_file(write(tensors, tmp_path / "any name.bin"))
    assert max(difference(clip, tensors, quick_gelu)) < ROUNDING
    assert min(difference(clip, tensors, F.gelu)) > 100 * ROUNDING
    assert clip.name == "OpenAI ViT/8 of width 128, 32 px" and clip.image_size == 32 and clip.vocabulary is None
    assert {tensor.dtype for tensor in clip.state_dict().values()} == {torch.float32}
    assert not clip.training and not any(parameter.requires_grad for parameter in clip.parameters())


def test_what_the_shapes_tell(tmp_path: Path) -> None:
    found = read_one(write_by_hand(openai_mix(weights_of(TINY_VIT)), tmp_path / "clip.pt"), "clip")
    assert found.format == "OpenAI CLIP" and found.config["model"]["quick_gelu"]
    assert found.summary["vision_image_size"] == 32 and "model card" in found.licence


@pytest.mark.parametrize("counters", [True, False], ids=["with counters", "without"])
def test_openais_resnets(tmp_path: Path, counters: bool) -> None:
    tensors = openai_mix(weights_of(TINY_RESNET))
    expected = open_clip.model.build_model_from_openai_state_dict(dict(tensors), cast_dtype=torch.float32).float()
    if not counters:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    clip = load_clip_file(write_by_hand(tensors, tmp_path / "RN.pt"))
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    features = F.normalize(expected.encode_image((picture / 2 + 0.5 - MEAN) / STD), dim=-1)
    torch.testing.assert_close(clip.encode_image(picture), features, atol=ROUNDING, rtol=0)
    features = F.normalize(expected.encode_text(clip.tokenizer(TEXTS)), dim=-1)
    torch.testing.assert_close(clip.encode_text(TEXTS), features, atol=ROUNDING, rtol=0)
    assert clip.image_size == 64 and features.std() > 0.01


def test_text_is_cut_into_openais_tokens(tmp_path: Path) -> None:
    clip = load_clip_file(write_by_hand(openai_mix(weights_of(TINY_VIT)), tmp_path / "clip.pt"))
    known = {
        "a person with purple hair": [320, 2533, 593, 5496, 2225],
        "it's 2021!": [585, 568, 273, 271, 273, 272, 256],
        "face with Hi-top fade hair": [1710, 593, 1883, 268, 1253, 20486, 2225],
        "A bad photo of a face.": [320, 2103, 1125, 539, 320, 1710, 269],
        "  café &amp;amp; naïve\tÜber  ": [15304, 261, 1097, 35689, 563, 6522, 1516],
        "你好 🙂": [47466, 254, 29290, 377, 14860],
        "": [],
    }
    for row, tokens in zip(clip.tokenizer(list(known)), known.values(), strict=True):
        padded = [49406, *tokens, 49407]
        assert row.tolist() == padded + [0] * (77 - len(padded))


def test_the_whole_way_from_a_file(tmp_path: Path) -> None:
    tensors = openai_mix(weights_of(TINY_VIT))
    generator = save_generator(tiny_generator(), tmp_path / "g.safetensors")
    before = torch.get_rng_state()
    models = styleclip.load(generator=generator, clip=write_by_hand(tensors, tmp_path / "clip.pt"))
    assert torch.equal(torch.get_rng_state(), before)
    assert max(difference(models.clip, tensors, quick_gelu)) < ROUNDING
    assert PUBLISHED_PARTS["clip"] == "ViT-B-32-quickgelu/openai"


def drop(tensors: Weights) -> None:
    del tensors["visual.ln_post.bias"]


def drop_shape(tensors: Weights) -> None:
    del tensors["visual.positional_embedding"]


def add(tensors: Weights) -> None:
    tensors["visual.extra"] = torch.ones(1)


def shrink(tensors: Weights) -> None:
    tensors["token_embedding.weight"] = torch.ones(10, 64)


def spoil(tensors: Weights) -> None:
    tensors["visual.proj"][3, 3] = torch.nan


def lengthen(tensors: Weights) -> None:
    tensors["positional_embedding"] = torch.ones(100_000, 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, "missing model.visual.ln_post.bias; "),
        (drop_shape, "the tensor visual.positional_embedding is missing"),
        (add, "surplus model.visual.extra; "),
        (shrink, r"token_embedding.weight has shape \[10, 64\] instead of \[49408, 64\]"),
        (spoil, "visual.proj holds NaN"),
        (lengthen, "a CLIP with context_length 100000, which no CLIP has"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: Callable[[Weights], None], message: str) -> None:
    tensors = openai_mix(weights_of(TINY_VIT))
    change(tensors)
    with pytest.raises(WeightError, match=f"clip.pt: .*{message}"):
        load_clip_file(write_by_hand(tensors, tmp_path / "clip.pt"))


def test_another_archive_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(WeightError, match="none of the known weights"):
        load_clip_file(write_by_torch({"features.0.weight": torch.ones(2)}, tmp_path / "vgg16.pt"))


def test_a_tree_that_repeats_itself_ends() -> None:
    root = leaf = InertObject("__torch__.Module", ())
    for _ in range(100):
        child = InertObject("__torch__.Module", ())
        leaf.set_state({"a": child, "b": child})  # 2**100 names
        leaf = child
    leaf.set_state({"a": root})
    assert openai_clip.contents(FileTree("torchscript", root)) == []
