"""The trunk of the held-out CLIP and recogniser, and their files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from styleclip.errors import WeightError
from styleclip.networks.clip import build_clip
from styleclip.networks.face_recognition import PlainRecogniser
from styleclip.networks.plain_tower import PlainTower
from styleclip.weights.load import load_clip_file, load_identity_file

CONFIG = {
    "name": "plain",
    "model": {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 32, "channels": [4, 8, 8, 8]},
        "text_cfg": {"context_length": 8, "width": 16, "heads": 2, "layers": 1},
    },
    "tokens": [320, 321],
    "vocabulary": ["a", "face"],
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
}


def test_every_second_convolution_halves_the_side() -> None:
    tower = PlainTower([4, 8, 8, 16], image_size=32, features=5).eval()
    assert tower.layers[:-2](torch.zeros(2, 3, 32, 32)).shape == (2, 16, 4, 4)
    assert tower(torch.zeros(2, 3, 32, 32)).shape == (2, 5)


def test_a_clip_with_a_plain_tower_is_read_from_its_file(tmp_path: Path) -> None:
    clip = build_clip(CONFIG).eval()
    metadata = {"styleclip": "clip", "config": json.dumps(CONFIG)}
    save_file(clip.state_dict(), tmp_path / "clip.safetensors", metadata=metadata)
    images = torch.rand(2, 3, 40, 40) * 2 - 1
    read = load_clip_file(tmp_path / "clip.safetensors")
    torch.testing.assert_close(read.encode_image(images), clip.encode_image(images))
    assert read.encode_text(["a face"]).shape == (1, 8)


def test_a_plain_recogniser_is_read_from_its_file(tmp_path: Path) -> None:
    recogniser = PlainRecogniser([4, 8, 8, 8], features=3).eval()
    path = tmp_path / "identity.safetensors"
    save_file(recogniser.state_dict(), path, metadata={"styleclip": "identity"})
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(load_identity_file(path).embed(images), recogniser.embed(images))
    save_file({"tower.layers.1.weight": torch.ones(4, 3, 3, 3)}, path, metadata={"styleclip": "identity"})
    with pytest.raises(WeightError, match="it holds no recogniser that styleclip wrote; pass"):
        load_identity_file(path)
