"""Files of children: loaded as any generator, with what restores the parent to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from styleclip.errors import WeightError
from styleclip.networks.stylegan2 import Generator
from styleclip.weights.child_files import Lineage, read_lineage, save_child
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import fingerprint, load_generator
from tests.helpers.tiny import tiny_generator

NAME = "synthesis.b8.conv0.weight"
PARENT = {"name": "demo.safetensors", "sha256": "ab" * 32, "network": "cd" * 32}


def child_and_parent() -> tuple[Generator, Generator]:
    child, parent = tiny_generator(), tiny_generator()
    child.get_parameter(NAME).data += 0.1
    return child, parent


def save(path: Path, **about: object) -> Generator:
    child, parent = child_and_parent()
    tensors = {NAME: parent.get_parameter(NAME)}
    save_child(child, tensors, path, {"parent": PARENT, "target": "a sketch", **about}, {"licence": "MIT"})
    return parent


def lineage_of(path: Path) -> Lineage:
    found = read_lineage(path)
    assert found is not None
    return found


def test_a_child_loads_as_any_generator(tmp_path: Path) -> None:
    save(tmp_path / "child.safetensors")
    assert fingerprint(load_generator(tmp_path / "child.safetensors")) == fingerprint(child_and_parent()[0])


def test_the_parent_is_restored_to_the_bit(tmp_path: Path) -> None:
    parent = save(tmp_path / "child.safetensors")
    lineage = lineage_of(tmp_path / "child.safetensors")
    child = load_generator(tmp_path / "child.safetensors")
    child.load_state_dict({**child.state_dict(), **lineage.tensors})
    assert fingerprint(child) == fingerprint(parent)
    assert lineage.parent == PARENT and lineage.about["target"] == "a sketch" and [*lineage.tensors] == [NAME]


def test_a_generator_without_a_parent(tmp_path: Path) -> None:
    save_generator(tiny_generator(), tmp_path / "plain.safetensors")
    torch.save({"x": torch.zeros(2)}, tmp_path / "other.pt")
    assert read_lineage(tmp_path / "plain.safetensors") is None
    assert read_lineage(tmp_path / "other.pt") is None


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("synthesis.b8.conv0.wait", torch.zeros(1), "does not fit the child's"),
        (NAME, torch.zeros(3), "does not fit the child's"),
        (NAME, torch.full_like(tiny_generator().get_parameter(NAME), torch.nan), "NaN"),
    ],
)
def test_tensors_that_no_parent_has(tmp_path: Path, name: str, value: torch.Tensor, why: str) -> None:
    path = save_child(tiny_generator(), {name: value}, tmp_path / "child.safetensors", {"parent": PARENT})
    with pytest.raises(WeightError, match=f"child.safetensors: .*{why}.*; adapt the generator again"):
        read_lineage(path)


@pytest.mark.parametrize("parent", ["demo", {"name": "demo"}, None])
def test_a_record_without_a_parent(tmp_path: Path, parent: object) -> None:
    save(tmp_path / "child.safetensors", parent=parent)
    with pytest.raises(WeightError, match="adapt the generator again"):
        read_lineage(tmp_path / "child.safetensors")
