"""Files of encoders that are refused: other architectures, and tensors or averages that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.weights.load import load_encoder, load_generator
from tests.helpers.encoder_files import PSP, SMALL, decoder, encoder, hollow, path, save

__all__ = ["encoder", "path"]  # fixtures


REFUSED = [
    ({"encoder_type": "BackboneEncoderUsingLastLayerIntoW"}, "is a BackboneEncoderUsingLastLayerIntoW, none of"),
    ({"learn_in_w": True}, "trained for W"),
    ({"label_nc": 19, "input_nc": 19}, "takes label maps or sketches, not photographs"),
    ({"input_nc": 6}, "is one of ReStyle, which takes a photo and its last reconstruction"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_other_encoders_are_refused_but_not_their_generator(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    content = hollow(state_dict={**hollow()["state_dict"], **decoder()}, opts={**PSP, **options})
    path = save(content, tmp_path / "psp.pt")
    with pytest.raises(WeightError, match=f"psp.pt: its encoder .*{message}.*; pass one "):
        load_encoder(path)
    assert load_generator(path).num_ws == SMALL


LAST = "encoder.styles.3.linear.bias"
SQUEEZE = [f"encoder.body.{index}.res_layer.5.fc{layer}.weight" for index in range(24) for layer in (1, 2)]


@pytest.mark.parametrize(
    ("remove", "add", "message"),
    [
        ([LAST], [], "missing styles.3.linear.bias;"),
        ([], ["encoder.latlayer3.weight"], "surplus latlayer3.weight;"),
        ([], ["mapper.x"], "surplus mapper.x;"),
        (SQUEEZE, [], r"missing body.0.res_layer.5.fc1.weight, .* and 43 more;"),  # IR-50
        ([], [], r"input_layer.0.weight has shape \[\] instead of \[64, 3, 3, 3\]"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path: Path, remove: list[str], add: list[str], message: str) -> None:
    names = {name: tensor for name, tensor in hollow()["state_dict"].items() if name not in remove}
    names |= {name: torch.zeros(()) for name in add}
    with pytest.raises(WeightError, match=f"bad.pt: .*{message}"):
        load_encoder(save(hollow(state_dict=names), tmp_path / "bad.pt"))


@pytest.mark.parametrize(
    ("average", "message"),
    [(None, "starts from an average latent that the file lacks"), (torch.ones(6, 512), "w_avg has shape")],
)
def test_an_average_that_does_not_fit(tmp_path: Path, average: Tensor | None, message: str) -> None:
    path = save(hollow(latent_avg=average), tmp_path / "e4e.pt")
    with pytest.raises(WeightError, match=f"e4e.pt: .*{message}"):
        load_encoder(path)


def test_a_native_file_of_an_unknown_kind(tmp_path: Path) -> None:
    save_file({"x": torch.ones(1)}, tmp_path / "encoder.safetensors", {"styleclip": "encoder", "kind": "restyle"})
    with pytest.raises(WeightError, match="its encoder is a restyle, none of Encoder4Editing or GradualStyleEncoder"):
        load_encoder(tmp_path / "encoder.safetensors")
