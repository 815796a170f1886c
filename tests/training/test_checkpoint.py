"""Checkpoints over named state: what is restored, and which files are refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from timm.optim.lookahead import Lookahead
from torch import nn

from styleclip.errors import OutputError, WeightError
from styleclip.training.checkpoint import Checkpoint, Stateful, read_state
from tests.helpers.support import is_one_sentence

ABOUT = {"lr": 0.1, "widths": (4, 6), "generator": "abc"}


class Scores:
    """Any object with a state dict will do."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {"loss": 0.1, "steps": [1, 2], "weights": torch.zeros(2), "none": None}

    def state_dict(self) -> dict[str, Any]:
        return self.values

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.values = state


def new_parts(optimizer: str = "adam") -> dict[str, Stateful]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    inner = torch.optim.Adam(network.parameters(), lr=0.1, betas=(0.5, 0.9))
    return {"network": network, "optimizer": inner if optimizer == "adam" else Lookahead(inner), "scores": Scores()}


def train(parts: dict[str, Any], steps: range) -> None:
    for step in steps:
        inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
        parts["optimizer"].zero_grad()
        parts["network"](inputs).square().mean().backward()
        parts["optimizer"].step()


@pytest.mark.parametrize("optimizer", ["adam", "lookahead"])
def test_a_training_goes_on_in_the_same_bits(tmp_path: Path, optimizer: str) -> None:
    """Weights, counters of the normalisation, moments and the numbers of the optimizer's groups."""
    parts = new_parts(optimizer)
    train(parts, range(8))
    Checkpoint(tmp_path, ABOUT, parts).save(8)
    other = new_parts(optimizer)
    assert Checkpoint(tmp_path, ABOUT, other).resume() == 8
    for each in (parts, other):
        train(each, range(8, 15))
    for name, tensor in parts["network"].state_dict().items():
        assert torch.equal(tensor, other["network"].state_dict()[name])


def test_any_state_comes_back(tmp_path: Path) -> None:
    parts = new_parts()
    parts["scores"].load_state_dict({"loss": 0.1 + 0.2, "ä": {"best": torch.arange(3)}, "list": [None, torch.ones(1)]})
    Checkpoint(tmp_path, ABOUT, parts).save(1)
    other = new_parts()
    Checkpoint(tmp_path, ABOUT, other).resume()
    found = dict(other["scores"].state_dict())
    assert found["loss"] == 0.1 + 0.2 and found["list"][0] is None and torch.equal(found["list"][1], torch.ones(1))
    assert found["ä"]["best"].tolist() == [0, 1, 2]


def test_it_saves_when_it_is_due(tmp_path: Path) -> None:
    seldom, often = (Checkpoint(tmp_path / str(each), ABOUT, new_parts(), each) for each in (60.0, 0.0))
    for checkpoint in (seldom, often):
        checkpoint.save_if_due(3)
    assert not seldom.path.exists() and read_state(often.path)[0]["step"] == 3
    often.remove()
    often.remove()
    assert not often.path.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lr": 0.2}, "was begun with lr 0.1, not 0.2; finish that, or pass --overwrite to begin again"),
        ({"widths": (4, 8)}, "was begun with widths [4, 6], not [4, 8]"),
        ({"generator": "def"}, "was begun with another generator; finish that"),
    ],
)
def test_another_training_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    Checkpoint(tmp_path, ABOUT, new_parts()).save(4)
    parts = new_parts()
    before = copy.deepcopy(parts["network"].state_dict())
    checkpoint = Checkpoint(tmp_path, {**ABOUT, **changes}, parts)
    with pytest.raises(OutputError) as caught:
        checkpoint.resume()
    assert words in str(caught.value) and is_one_sentence(caught.value)
    assert checkpoint.resume(overwrite=True) == 0
    assert all(torch.equal(before[name], each) for name, each in parts["network"].state_dict().items())


def test_the_version_of_the_program_makes_no_difference(tmp_path: Path) -> None:
    Checkpoint(tmp_path, {**ABOUT, "styleclip": "0.1.0"}, new_parts()).save(4)
    assert Checkpoint(tmp_path, {**ABOUT, "styleclip": "0.2.0"}, new_parts()).resume() == 4


def test_files_that_do_not_serve(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, ABOUT, new_parts())
    path = checkpoint.save(4)
    with safe_open(path, framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file({name: each for name, each in tensors.items() if name != "network.0.bias"}, path, metadata)
    with pytest.raises(WeightError, match="does not fit this training; pass --overwrite to begin again"):
        checkpoint.resume()
    about = json.loads(metadata["about"])
    save_file(tensors, path, {**metadata, "about": json.dumps({**about, "step": "many"})})
    with pytest.raises(WeightError, match="cannot be read; pass --overwrite to begin again"):
        checkpoint.resume()
    Checkpoint(tmp_path, {**ABOUT, "steps": 3}, new_parts()).save(4)
    with pytest.raises(WeightError, match="is damaged: it has more steps than the training; pass --overwrite"):
        Checkpoint(tmp_path, {**ABOUT, "steps": 3}, new_parts()).resume()
    path.write_text("a poem")
    with pytest.raises(WeightError, match="cannot be read; pass --overwrite to begin again") as caught:
        checkpoint.resume()
    assert is_one_sentence(caught.value) and checkpoint.resume(overwrite=True) == 0
