"""Files of children: loaded as any generator, and mixed with the parent that they hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.errors import UsageError, WeightError
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.weights.child_files import save_child
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.lineage import ancestry, catalog_name, family, parent_record, parents
from styleclip.weights.load import fingerprint, load_adapted, load_generator
from tests.helpers.tiny import TINY, tiny_generator

TRAINED = ("synthesis.b4.conv1.weight", "synthesis.b8.conv0.weight", "synthesis.b8.conv0.affine.bias")
RECORD = {"name": "parent.safetensors", "sha256": "ab" * 32, "label": None, "network": "cd" * 32}


def child_generator() -> Generator:
    child = tiny_generator()
    for name in TRAINED:
        child.get_parameter(name).data += 0.25
    return child


def save(path: Path, **about: object) -> Path:
    return save_child(child_generator(), tiny_generator(), path, RECORD, {"target": "a sketch", **about})


def same(one: Generator, other: Generator) -> bool:
    return fingerprint(one) == fingerprint(other)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("child") / "child.safetensors")


def test_a_child_loads_as_any_generator(path: Path) -> None:
    assert same(load_generator(path), child_generator())


def test_amount_0_is_the_parent_to_the_bit(path: Path) -> None:
    assert same(load_generator(path, amount=0), tiny_generator())
    z = Latent(Space.Z, torch.randn(1, TINY.z_dim, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(load_generator(path, amount=0)(z), tiny_generator().freeze()(z))


def test_weights_in_between_are_interpolated(path: Path) -> None:
    parent, child, mixed = (
        tiny_generator().state_dict(),
        child_generator().state_dict(),
        load_generator(path, None, 0.3),
    )
    for name, tensor in mixed.state_dict().items():
        if name in TRAINED:
            torch.testing.assert_close(tensor, parent[name] + 0.3 * (child[name] - parent[name]), rtol=0, atol=1e-7)
        else:
            assert torch.equal(tensor, parent[name])


def test_layers_of_the_parent(path: Path) -> None:
    """Row 0 of W+ drives b4.conv1, row 1 b8.conv0."""
    tensors = load_generator(path, parent_layers=(1, 3)).state_dict()
    child, parent = child_generator().state_dict(), tiny_generator().state_dict()
    assert torch.equal(tensors[TRAINED[0]], child[TRAINED[0]])
    assert all(torch.equal(tensors[name], parent[name]) for name in TRAINED[1:])
    assert same(load_generator(path, parent_layers=(0, 1)), tiny_generator())


def test_only_tensors_that_differ_are_stored_twice(path: Path) -> None:
    adapted = load_adapted(path)
    assert adapted is not None and sorted(adapted.parent) == sorted(TRAINED) and adapted.record == RECORD


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"amount": 1.5}, "amount is 1.5; it must be between"),
        ({"amount": float("nan")}, "amount is nan; it must be between"),
        ({"parent_layers": (1, 6)}, "layer 6 is not among 0-5"),
    ],
)
def test_amounts_and_layers_that_are_not_there(path: Path, options: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        load_generator(path, **options)


def test_a_generator_without_a_parent(tmp_path: Path) -> None:
    plain = save_generator(tiny_generator(), tmp_path / "plain.safetensors")
    torch.save({"x": torch.zeros(2)}, tmp_path / "other.pt")
    assert parent_record(plain) is load_adapted(plain) is parent_record(tmp_path / "other.pt") is None
    for options in ({"amount": 0.5}, {"parent_layers": (0,)}):
        with pytest.raises(WeightError, match="plain.safetensors: .* was not adapted .*; leave out --amount"):
            load_generator(plain, **options)  # type: ignore[arg-type]


def test_generators_of_different_shapes(tmp_path: Path) -> None:
    with pytest.raises(WeightError, match="have different tensors; pass the generator that was adapted"):
        save_child(
            child_generator(),
            tiny_generator(TINY.__class__(**{**vars(TINY), "channels": {4: 6, 8: 5}})),
            tmp_path / "x",
            RECORD,
        )


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("synthesis.b8.conv0.wait", torch.zeros(1), "the parent's synthesis.b8.conv0.wait does not fit the child's"),
        (TRAINED[0], torch.zeros(3), "does not fit the child's"),
        (TRAINED[0], torch.full_like(tiny_generator().get_parameter(TRAINED[0]), torch.nan), "NaN"),
    ],
)
def test_tensors_that_no_parent_has(tmp_path: Path, name: str, value: torch.Tensor, why: str) -> None:
    path = save_generator(
        tiny_generator(), tmp_path / "child.safetensors", about={"parent": RECORD}, parent={name: value}
    )
    with pytest.raises(WeightError, match=f"child.safetensors: .*{why}"):
        load_generator(path)


@pytest.mark.parametrize("parent", ["demo", {"name": "demo"}, {"network": 3}, None, {"network": "ab", "parent": []}])
@pytest.mark.parametrize("read", [load_generator, parent_record], ids=["load", "parent"])
def test_a_damaged_record(tmp_path: Path, parent: object, read: Callable[[Path], object]) -> None:
    path = save_generator(tiny_generator(), tmp_path / "child.safetensors", about={"parent": parent})
    with pytest.raises(WeightError, match="child.safetensors: .*; adapt the generator again"):
        read(path)


def test_the_lineage_of_a_child_of_a_child() -> None:
    grandchild = {
        "network": "3",
        "child": "4",
        "parent": {**RECORD, "network": "2", "parent": {**RECORD, "network": "1"}},
    }
    assert ancestry(grandchild) == ["3", "2", "1"] and family(grandchild) == ["3", "2", "1", "4"]
    assert ancestry({}) == family({}) == []
    nested: dict[str, Any] = RECORD
    for _ in range(200):
        nested = {**RECORD, "parent": nested}
    with pytest.raises(WeightError, match="more than 100 generations"):
        list(parents(nested))


def test_the_model_of_the_catalog_that_a_parent_is() -> None:
    ffhq = {"name": "ffhq.pkl", "sha256": "", "network": "unknown"}
    assert catalog_name({"network": "2", "parent": ffhq}) == "ffhq"
    assert catalog_name({"network": "2", "parent": {**ffhq, "name": "afhqcat.pkl"}}) == "afhqcat"
    assert catalog_name({"network": "2", "parent": RECORD}) is None
