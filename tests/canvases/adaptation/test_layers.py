"""Which layers are trained, and the canvas that trains them."""

from __future__ import annotations

import pytest
import torch

from styleclip.canvases.adaptation.generator_canvas import CONSTANT, GeneratorCanvas
from styleclip.canvases.adaptation.layers import choose_layers, convolution_names, layers_of_rows
from styleclip.latents import Latent
from styleclip.weights.load import fingerprint
from tests.helpers.tiny import random_w_plus, tiny_generator

LAYOUT = tiny_generator().layout  # of 16 px: six rows of W+, five convolutions
LATENT = random_w_plus(3)


def test_a_mended_row_stands_for_the_convolution_that_it_drives() -> None:
    rows = {entry.name: entry.ws_index for entry in LAYOUT.entries}
    names = layers_of_rows(LAYOUT, "mended")
    assert [rows[name] for name in names] == [0, 1, 2, 3, 4]
    assert names == convolution_names(LAYOUT)


def test_a_published_row_is_off_by_one() -> None:
    names = layers_of_rows(LAYOUT, "published")
    assert names == ["b4.conv1", "b4.torgb", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1"]
    rows = {entry.name: entry.ws_index for entry in LAYOUT.entries}
    assert [rows[name] for name in names[2:]] == [1, 2, 3, 4]


@pytest.mark.parametrize(("share", "chosen"), [(2 / 3, ["1", "2", "3", "4"]), (0.5, ["1", "2", "4"]), (0.01, ["2"])])
def test_the_rows_that_the_loss_moves_most_are_chosen(share: float, chosen: list[str]) -> None:
    slopes = torch.tensor([0.1, -3, 5, 1, 2, 0.2])

    def loss(latent: Latent) -> torch.Tensor:
        return (latent.data * slopes[:, None]).sum()

    assert choose_layers(LATENT, loss, [str(i) for i in range(6)], share) == chosen


def test_a_row_without_a_layer_is_not_chosen() -> None:
    def loss(latent: Latent) -> torch.Tensor:
        return latent.data[:, 5].sum() + 0.1 * latent.data[:, 3].sum()

    assert choose_layers(LATENT, loss, ["a", "b", "c", "d", "e"], 0.2) == ["d"]


def test_the_canvas_trains_its_layers_alone() -> None:
    parent = tiny_generator().freeze()
    before, print_before = parent(LATENT), fingerprint(parent)
    canvas = GeneratorCanvas(parent, ["b8.conv0"], with_constant=True)
    optimizer = torch.optim.SGD(canvas.parameters, lr=0.1)
    assert torch.allclose(canvas.generator(LATENT), before, atol=1e-5)
    canvas.generator(LATENT).square().mean().backward()
    optimizer.step()
    changed = {
        name
        for name, tensor in canvas.generator.state_dict().items()
        if not torch.equal(tensor, parent.state_dict()[name])
    }
    layer = {f"synthesis.b8.conv0.{name}" for name in ("weight", "bias", "noise_strength")}
    affine = {f"synthesis.b8.conv0.affine.{name}" for name in ("weight", "bias")}
    assert changed == layer | affine | {CONSTANT}
    assert fingerprint(parent) == print_before


def test_demodulation_follows_the_trained_weight() -> None:
    parent = tiny_generator().freeze()
    canvas = GeneratorCanvas(parent, ["b8.conv0"], with_constant=False)
    with torch.no_grad():
        canvas.generator.get_parameter("synthesis.b8.conv0.weight").mul_(10)  # demodulation takes it out again
        assert torch.allclose(canvas.generator(LATENT, noise="none"), parent(LATENT, noise="none"), atol=1e-4)


def test_unfreezing_and_the_state() -> None:
    canvas = GeneratorCanvas(tiny_generator(), ["b4.conv1", "b8.conv0"], with_constant=False)
    canvas.unfreeze(["b8.conv0"])
    assert {p.requires_grad for p in canvas.layer("b4.conv1").parameters()} == {False}
    assert {p.requires_grad for p in canvas.layer("b8.conv0").parameters()} == {True}
    saved = {name: tensor + 1 for name, tensor in canvas.state_dict().items()}
    canvas.load_state_dict(saved)
    assert all(torch.equal(tensor, saved[name]) for name, tensor in canvas.state_dict().items())
