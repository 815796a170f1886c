"""Files of our encoders: of any size they load by their shapes, and senseless numbers are refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from styleclip.errors import WeightError
from styleclip.networks.e4e import Encoder
from styleclip.networks.encoder_config import Combination, EncoderConfig
from styleclip.weights.describe import describe
from styleclip.weights.formats.configs import encoder_config
from styleclip.weights.formats.own_files import save_encoder
from styleclip.weights.load import load_encoder
from tests.helpers.support import is_one_sentence

SMALL = (4, 4, 6, 8)


def written(folder: Path, config: EncoderConfig) -> tuple[Encoder, Path]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = Encoder(config).eval().requires_grad_(False)
    return encoder, save_encoder(encoder, folder / "encoder.safetensors")


@pytest.mark.parametrize(
    ("num_ws", "kind", "w_dim", "frame", "leak"),
    [(6, "e4e", 8, 16, 0.2), (2, "psp", 5, 16, 0.0), (10, "e4e", 12, 64, 0.01), (14, "psp", 8, 32, 1.0)],
)
def test_every_number_survives(
    tmp_path: Path, num_ws: int, kind: Combination, w_dim: int, frame: int, leak: float
) -> None:
    config = EncoderConfig(num_ws, kind, w_dim, SMALL, frame, leak)
    encoder, path = written(tmp_path, config)
    image = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    again = load_encoder(path)
    assert again.config == config and torch.equal(again.encode(image), encoder.encode(image))
    [part] = describe(path)["parts"]
    told = {name: part[name] for name in ("encoder", "num_ws", "w_dim", "frame", "widths")}
    assert told == {"encoder": kind, "num_ws": num_ws, "w_dim": w_dim, "frame": frame, "widths": [*SMALL]}


@pytest.mark.parametrize("frame", [16, 256, 512, 1024, 4096])
def test_the_frame_by_the_names(frame: int) -> None:
    """Also where the numbers of layers have two digits."""
    config = EncoderConfig(3, w_dim=8, widths=SMALL, frame=frame)
    with torch.device("meta"):
        assert encoder_config(Encoder(config).state_dict(), {"kind": "e4e"}) == config


@pytest.mark.parametrize("leak", ["nan", "abc", "-1", "inf", "1.01", "", "0x1", "9" * 999])
def test_a_senseless_leak(tmp_path: Path, leak: str) -> None:
    encoder, path = written(tmp_path, EncoderConfig(2, "e4e", 8, SMALL, 16))
    save_file(encoder.state_dict(), path, {"styleclip": "encoder", "kind": "e4e", "leak": leak})
    for use in (load_encoder, describe):
        with pytest.raises(WeightError, match=r"its leak is .*, not a number from 0 to 1; download it again") as caught:
            use(path)
        assert is_one_sentence(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["body.2.res_layer.3.weight", "body.23.res_layer.3.weight", "w_avg"])
def test_no_channels(tmp_path: Path, name: str) -> None:
    encoder, path = written(tmp_path, EncoderConfig(2, "e4e", 8, SMALL, 16))
    tensors = encoder.state_dict()
    empty = torch.zeros(2, 0) if name == "w_avg" else torch.zeros(0, *tensors[name].shape[1:])
    save_file({**tensors, name: empty}, path, {"styleclip": "encoder", "kind": "e4e"})
    with pytest.raises(WeightError, match=r"its trunk has .* channels, its w \d numbers; pass a complete file"):
        load_encoder(path)


def test_a_file_without_leak_has_the_published_one(tmp_path: Path) -> None:
    encoder, path = written(tmp_path, EncoderConfig(2, "e4e", 8, SMALL, 16))
    save_file(encoder.state_dict(), path, {"styleclip": "encoder", "kind": "e4e"})
    assert load_encoder(path).config.leak == 0.01
