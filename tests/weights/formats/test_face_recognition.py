"""Recognisers: the published files load under their own names, compute what they should, or are refused by name."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.arcface import IR_101, ArcFace
from styleclip.networks.face_recognition import Facenet, SmallRecogniser
from styleclip.weights.catalog import checkpoint_path
from styleclip.weights.formats.registry import read_all
from styleclip.weights.load import load_identity_file
from styleclip.weights.state_dict import load_strict
from tests.golden import fill

ARCFACE = "arcface_ir_se50"
NARROW = (2, 2, 2, 2)  # channels
CASIA, VGGFACE2 = 10575, 8631  # people in the two training sets of facenet-pytorch


@functools.cache
def arcface() -> dict[str, Tensor]:
    return {key: torch.from_numpy(np.asarray(value)) for key, value in fill.state_dict(ARCFACE).items()}


def facenet(people: int) -> Any:
    """facenet-pytorch's own network with weights that are not its initial ones, as it would be saved."""
    from facenet_pytorch import InceptionResnetV1

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = InceptionResnetV1(classify=True, num_classes=people)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    drawn = fill.fill(shapes, fill.meta(ARCFACE)["rules"], seed=7)
    network.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in drawn.items()})
    network.classify = False
    return network.eval().requires_grad_(False)


@functools.cache
def facenet_names() -> tuple[str, ...]:
    """The names in a file of facenet-pytorch."""
    return tuple(facenet(2).state_dict())


def save(content: object, path: Path, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def face(side: int) -> Tensor:
    return 0.5 * torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
def test_arcface_gives_the_golden_features(tmp_path: Path, zipped: bool) -> None:
    path = save(arcface(), tmp_path / "model_ir_se50.pth", zipped)
    assert [(part.kind, bool(part.licence)) for part in read_all(path)] == [("arcface", True)]
    recogniser = load_identity_file(path)
    assert isinstance(recogniser, ArcFace)
    assert not recogniser.training and not any(p.requires_grad for p in recogniser.parameters())
    golden = 0.5 * torch.from_numpy(fill.draw("input.face", (2, 3, 112, 112), fill.meta(ARCFACE)["seed"]))
    assert (recogniser(golden) - torch.from_numpy(fill.vectors(ARCFACE)["features"])).abs().max() <= 1e-5


@pytest.mark.parametrize("affine", [False, True])
def test_curricularface_is_told_by_its_depth(tmp_path: Path, affine: bool) -> None:
    names = {**ArcFace(NARROW, IR_101, excitation=False, affine=affine).state_dict()}
    [content] = read_all(save(names, tmp_path / "CurricularFace_Backbone.pth"))
    assert content.format == "CurricularFace IR-101"
    assert content.config == {"units": IR_101, "excitation": False, "affine": affine}
    recogniser = load_strict(ArcFace(NARROW, **content.config), content.tensors)
    assert len(recogniser.body) == 49 and recogniser.embed(face(64)).shape == (2, 2)


@pytest.mark.parametrize(("people", "zipped"), [(CASIA, False), (VGGFACE2, True)], ids=["casia", "vggface2"])
def test_facenet_gives_the_features_of_its_own_network(tmp_path: Path, people: int, zipped: bool) -> None:
    network = facenet(people)
    state = torch.get_rng_state()
    recogniser = load_identity_file(save(network.state_dict(), tmp_path / "facenet.pt", zipped))
    assert torch.equal(torch.get_rng_state(), state)
    assert isinstance(recogniser, Facenet) and len(recogniser.network.state_dict()) == 716
    assert not recogniser.network.training and not any(p.requires_grad for p in recogniser.parameters())
    assert torch.equal(recogniser.embed(face(160)), torch.nn.functional.normalize(network(face(160)), dim=-1))
    assert recogniser.embed(face(256)).shape == (2, 512)


def test_our_own_recogniser() -> None:
    recogniser = load_identity_file(checkpoint_path("demo/identity.safetensors"))
    assert isinstance(recogniser, SmallRecogniser)
    assert torch.allclose(recogniser.embed(face(128)).norm(dim=1), torch.ones(2))


LAST = "output_layer.4.bias"
SQUEEZE = [f"body.{index}.res_layer.5.fc{layer}.weight" for index in range(24) for layer in (1, 2)]


@pytest.mark.parametrize(
    ("remove", "add", "message"),
    [
        ([LAST], [], f"missing {LAST};"),
        ([], ["body.24.res_layer.0.weight"], "surplus body.24.res_layer.0.weight;"),
        (SQUEEZE, [], "missing body.0.res_layer.5.fc1.weight, .* and 43 more;"),  # IR-50
        ([], [], r"output_layer.0.weight has shape \[\] instead of \[512\]; pass a file of this architecture"),
    ],
)
def test_arcface_tensors_that_do_not_fit_are_named(
    tmp_path: Path, remove: list[str], add: list[str], message: str
) -> None:
    names = [name for name in arcface() if name not in remove] + add
    hollow = {name: torch.zeros(()) for name in sorted(names, key=lambda name: not name.startswith("output"))}
    with pytest.raises(WeightError, match=f"bad.pth: .*{message}"):
        load_identity_file(save(hollow, tmp_path / "bad.pth"))


@pytest.mark.parametrize(
    ("remove", "add", "message"),
    [
        ("logits.weight", "logits.bias", "the tensor logits.weight is missing; pass a complete file"),
        ("last_bn.bias", "logits.bias", "missing last_bn.bias;"),
        ("block8.conv2d.bias", "block9.conv2d.bias", "missing block8.conv2d.bias; surplus block9.conv2d.bias;"),
    ],
)
def test_facenet_tensors_that_do_not_fit_are_named(tmp_path: Path, remove: str, add: str, message: str) -> None:
    names = [name for name in facenet_names() if name != remove] + [add]
    hollow = {name: torch.zeros(2, 512) for name in names}
    with pytest.raises(WeightError, match=f"bad.pt: .*{message}"):
        load_identity_file(save(hollow, tmp_path / "bad.pt"))


def test_a_judge_is_not_a_recogniser() -> None:
    with pytest.raises(WeightError, match="it holds judge, no arcface or facenet or identity; pass a file with one"):
        load_identity_file(checkpoint_path("demo/judge.safetensors"))
