"""Descriptions of CLIP in a file that ask for something else than two plain towers are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.weights.describe import describe
from styleclip.weights.load import load_clip_file
from tests.helpers.assert_refused import parametrized, refused
from tests.helpers.tiny import clip_config, tiny_clip

CLIP_CONFIG = clip_config()


def configured(**changes: Any) -> str:
    return json.dumps({**CLIP_CONFIG, **changes})


def with_model(tower: str = "", **changes: Any) -> str:
    model = CLIP_CONFIG["model"]
    return configured(model={**model, tower: {**model[tower], **changes}} if tower else {**model, **changes})


CONFIGS = {
    "no JSON": "{",
    "a list": "[]",
    "a text": '"text"',
    "50,000 nested lists": "[" * 50_000,
    "nothing in it": "{}",
    "no model": configured(model=None),
    "no towers": configured(model={"embed_dim": 10}),
    "a tower that is a list": with_model(vision_cfg=[1]),
    "10^9 layers": with_model("vision_cfg", layers=10**9),
    "10^9 layers for texts": with_model("text_cfg", layers=10**9),
    "10^9 stages": with_model("vision_cfg", layers=[10**9] * 4),
    "a width of 10^9": with_model("vision_cfg", width=10**9),
    "a width of 10^9 for texts": with_model("text_cfg", width=10**9),
    "a context of 10^9": with_model("text_cfg", context_length=10**9),
    "a picture of 10^9 px": with_model("vision_cfg", image_size=10**9),
    "patches of no size": with_model("vision_cfg", patch_size=0),
    "negative layers": with_model("vision_cfg", layers=-1),
    "half a layer": with_model("vision_cfg", layers=0.5),
    "layers that are a text": with_model("vision_cfg", layers="12"),
    "no heads": with_model("text_cfg", heads=0),
    "heads that do not divide": with_model("text_cfg", heads=3),
    "an embedding of 10^9": with_model(embed_dim=10**9),
    "weights from the network": with_model("vision_cfg", timm_model_name="resnet50", timm_model_pretrained=True),
    "a text tower from the network": with_model("text_cfg", hf_model_name="someone/something"),
    "an argument of a layer": with_model("text_cfg", act_kwargs={"approximate": "tanh"}),
    "an argument that is none": with_model(evil=True),
    "a width with ends of lines": with_model("vision_cfg", width="\n\x1b[2J"),
    "words with ends of lines": configured(vocabulary=["a\n\x1b[2J"]),
    "words that are numbers": configured(vocabulary=[1, 2]),
    "tokens that are a number": configured(tokens=5),
    "tokens that are lists": configured(tokens=[[1], [2]]),
    "no vocabulary": configured(vocabulary=None),
    "a mean of two": configured(mean=[0.5, 0.5]),
    "a mean of texts": configured(mean=["a", "b", "c"]),
    "a mean of NaN": configured(mean=[float("nan")] * 3),
    "a deviation of zero": configured(std=[0.0, 0.2, 0.2]),
    "a deviation of infinity": configured(std=[float("inf")] * 3),
}


def told(path: Path) -> object:
    """What `styleclip models inspect` would print."""
    try:
        return describe(path)
    except WeightError as error:
        return error


@pytest.fixture(scope="module")
def clip_tensors() -> dict[str, Tensor]:
    return dict(tiny_clip().state_dict())


@parametrized(CONFIGS)
def test_descriptions_of_clip(
    case: str, clip_tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it went to the network"))
    save_file(clip_tensors, tmp_path / "clip.safetensors", {"styleclip": "clip", "config": case})
    refused(tmp_path / "clip.safetensors", load_clip_file)
    described = str(told(tmp_path / "clip.safetensors"))
    assert "\\x1b" not in described and len(described) < 2000
