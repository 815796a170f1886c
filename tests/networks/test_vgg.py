"""VGG16 and VGG19 for the content loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from styleclip.errors import WeightError
from styleclip.networks.vgg import VggName
from styleclip.weights.catalog import weight
from styleclip.weights.content_networks import load_content_network, load_vgg
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import load_perceptual


@pytest.fixture(scope="module", params=["vgg16", "vgg19"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[VggName, Path]:
    """A file as torchvision writes it, of random weights; the classifier is left out."""
    import torchvision.models

    with torch.device("meta"):
        shapes = getattr(torchvision.models, request.param)(weights=None).features.state_dict()
    random = torch.Generator().manual_seed(0)
    path = tmp_path_factory.mktemp("vgg") / f"{request.param}.pth"
    tensors = {
        f"features.{name}": torch.randn(like.shape, generator=random) / max(1, like[0].numel()) ** 0.5
        for name, like in shapes.items()
    }
    torch.save(tensors, path)
    return request.param, path


def test_the_layers_are_those_of_torchvision(file: tuple[VggName, Path]) -> None:
    from torchvision.models import vgg16, vgg19

    name, path = file
    with torch.device("meta"):
        whole: nn.Module = (vgg16 if name == "vgg16" else vgg19)(weights=None).features
    state = {key.removeprefix("features."): value for key, value in torch.load(path, weights_only=True).items()}
    whole.load_state_dict(state, assign=True)
    image = torch.rand(1, 3, 32, 40) * 2 - 1
    x, found = (image / 2 + 0.5 - torch.tensor([0.485, 0.456, 0.406])[:, None, None]), {}
    x = x / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    stage, number = 1, 0
    for layer in whole:
        x = layer(x.clone())
        if isinstance(layer, nn.Conv2d):
            number += 1
            found[f"conv{stage}_{number}"] = x.clone()
        if isinstance(layer, nn.MaxPool2d):
            stage, number = stage + 1, 0
    outputs = load_vgg(path, name)(image)
    assert list(outputs) == ["conv4_2", "conv5_2"]
    for layer_name, output in outputs.items():
        torch.testing.assert_close(output, found[layer_name], atol=1e-2 * found[layer_name].abs().max().item(), rtol=0)


def test_the_file_says_which_it_is(file: tuple[VggName, Path]) -> None:
    name, path = file
    assert read_one(path, "perceptual").config == {"vgg16": "vgg", "vgg19": "vgg19"}[name]
    other: VggName = "vgg16" if name == "vgg19" else "vgg19"
    with pytest.raises(WeightError, match=f"it is not {other} of torchvision; run `styleclip models pull"):
        load_vgg(path, other)
    if name == "vgg19":
        with pytest.raises(WeightError, match="neither AlexNet nor VGG16"):
            load_perceptual(path)


def test_the_published_one_comes_first(
    file: tuple[VggName, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, path = file
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert load_content_network() is None
    with pytest.raises(WeightError, match="vgg19 is not on this disk; run `styleclip models pull vgg19`"):
        load_content_network("vgg19")
    (tmp_path / weight({"vgg16": "lpips-vgg", "vgg19": "vgg19"}[name]).file).symlink_to(path)
    found = load_content_network()
    assert found is not None and found.name == name
