"""Encoders of e4e and pSp: the published files load and compute what the reference computes."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.errors import WeightError
from styleclip.networks.e4e import Encoder, resize_frame
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.own_files import save_encoder
from styleclip.weights.formats.registry import read_all, read_one
from styleclip.weights.load import load_encoder, load_generator
from styleclip.weights.safe_pickle.lazy_tensors import read_tensor
from tests.helpers.encoder_files import (
    AVERAGE,
    E4E,
    PSP,
    SMALL,
    drawn,
    encoder,
    generator,
    hollow,
    path,
    random,
    save,
    small,
)
from tests.helpers.full_encoder import CODE_TOLERANCE, check_full_decoder, check_full_encoder, golden_codes, max_error
from tests.helpers.support import run_python

__all__ = ["encoder", "path"]  # fixtures


def test_golden_256_from_an_old_torch_file(tmp_path: Path) -> None:
    """Eight styles have all levels of the pyramid; `test_the_full_1024_file` has all styles."""
    image, codes = golden_codes("e4e_encoder_256")
    codes = codes[:, :8]
    content = {"state_dict": drawn("e4e_encoder_256", range(8)), "opts": {**E4E, "start_from_latent_avg": False}}
    encoder = load_encoder(save(content, tmp_path / "e4e.pt", zipped=False))
    (tmp_path / "e4e.pt").unlink()  # 0.5 GB
    assert (encoder.config.num_ws, encoder.config.kind) == (8, "e4e") and not encoder.w_avg.any()
    assert max_error(encoder(image), codes) <= CODE_TOLERANCE
    encoder.config = replace(encoder.config, kind="psp")  # the same vectors before e4e adds the first one
    offsets = torch.cat([codes[:, :1], codes[:, 1:] - codes[:, :1]], dim=1)
    assert max_error(encoder(image), offsets) <= CODE_TOLERANCE


def test_every_tensor_arrives_frozen(encoder: Encoder) -> None:
    own = encoder.state_dict()
    assert torch.equal(own.pop("w_avg"), AVERAGE)
    assert own.keys() == {name.removeprefix("encoder.") for name in small() if name.startswith("encoder.")}
    assert all(torch.equal(tensor, small()[f"encoder.{name}"]) for name, tensor in own.items())
    assert not encoder.training and not any(p.requires_grad for p in encoder.parameters())


def test_the_parts_say_what_they_are(path: Path) -> None:
    encoder, decoder = read_all(path)
    assert (encoder.kind, encoder.config.kind, encoder.config.num_ws) == ("encoder", "e4e", SMALL)
    assert decoder.kind == "generator" and encoder.licence and decoder.licence


def test_the_average_is_added(encoder: Encoder) -> None:
    image, codes = golden_codes("e4e_encoder_256")
    assert max_error(encoder(image) - encoder.w_avg, codes[:, :SMALL]) <= CODE_TOLERANCE


def test_frames_of_other_sizes(encoder: Encoder) -> None:
    frame = random(1, 3, 300, 300)
    assert torch.equal(encoder.encode(frame), encoder(resize_frame(frame)))
    assert encoder(random(1, 3, 192, 256)).shape == (1, SMALL, 512)  # the encoder of cars


def test_the_decoder_is_read_without_the_encoder(path: Path, tmp_path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(small()["encoder.body.3.res_layer.1.weight"].numpy().tobytes())] ^= 1
    (tmp_path / "cut.pt").write_bytes(data)
    with pytest.raises(WeightError, match="cut.pt: its part .* is damaged; download it again"):
        load_encoder(tmp_path / "cut.pt")
    found, own = load_generator(tmp_path / "cut.pt").state_dict(), generator().state_dict()
    assert torch.equal(found.pop("mapping.w_avg"), AVERAGE[0]) and own.pop("mapping.w_avg") is not None
    assert found.keys() == own.keys() and all(torch.equal(found[name], own[name]) for name in own)


def test_our_file(encoder: Encoder, tmp_path: Path) -> None:
    again = load_encoder(save_encoder(encoder, tmp_path / "encoder.safetensors", metadata={"source": "test"}))
    own = encoder.state_dict()
    assert (again.config.kind, again.config.num_ws) == ("e4e", SMALL)
    assert all(torch.equal(tensor, own[name]) for name, tensor in again.state_dict().items())


def test_psp_with_one_average_and_options_in_a_namespace_and_in_half_precision(tmp_path: Path) -> None:
    content = {"state_dict": small(), "latent_avg": random(1, 512), "opts": argparse.Namespace(**PSP)}
    encoder = load_encoder(save(content, tmp_path / "psp.pt", zipped=False))
    assert encoder.config.kind == "psp" and torch.equal(encoder.w_avg, content["latent_avg"].expand(SMALL, 512))
    assert load_generator(tmp_path / "psp.pt").num_ws == SMALL
    again = load_encoder(save_encoder(encoder, tmp_path / "psp.safetensors", dtype=torch.float16))
    own = encoder.state_dict()
    assert again.config.kind == "psp"
    assert all(torch.equal(tensor.half(), own[name].half()) for name, tensor in again.state_dict().items())


@pytest.mark.parametrize(
    ("options", "kind"), [(None, "e4e"), ({"stylegan_size": 8}, "e4e"), ({"output_size": 8}, "psp")]
)
def test_a_file_that_does_not_name_its_encoder(tmp_path: Path, options: object, kind: str) -> None:
    found = read_one(save(hollow(opts=options), tmp_path / "old.pt"), "encoder")
    assert found.config.kind == kind
    with pytest.warns(UserWarning, match=f"does not name its encoder; it is read as one of {kind}"):
        found.check()
    assert torch.equal(read_tensor(found.tensors["w_avg"]), torch.ones(SMALL, 512))


def test_no_average_is_added_where_the_options_say_so(tmp_path: Path) -> None:
    path = save(hollow(opts={**E4E, "start_from_latent_avg": False}), tmp_path / "e4e.pt")
    assert torch.equal(read_tensor(read_one(path, "encoder").tensors["w_avg"]), torch.zeros(SMALL, 512))


def test_a_file_without_a_decoder_holds_no_generator(tmp_path: Path) -> None:
    names = {name: tensor for name, tensor in hollow()["state_dict"].items() if name.startswith("encoder.")}
    with pytest.raises(WeightError, match="e4e.pt: it holds encoder, no generator; pass a file with one"):
        load_generator(save(hollow(state_dict=names), tmp_path / "e4e.pt"))


def test_the_frame_is_resized_as_pillow_does() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).resize((256, 256), Image.Resampling.BILINEAR), dtype=np.float32)
    frame = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
    found = (resize_frame(frame)[0].permute(1, 2, 0).numpy() + 1) * 127.5
    assert np.abs(found - expected).max() <= 1.1  # Pillow rounds twice, to whole grey levels
    assert resize_frame(frame[:, :, :256, :256]).shape == (1, 3, 256, 256)


def test_the_full_1024_file(tmp_path: Path, python: list[str]) -> None:
    if shutil.disk_usage(tmp_path).free < 4e9:
        pytest.skip("needs 4 GB of disk")
    path = tmp_path / "e4e_ffhq_encode.pt"
    try:
        write_full(path)
        size = path.stat().st_size
        assert abs(size - 1_201_649_680) < 1e6  # the published file
        for task in (check_full_encoder, check_full_decoder):
            code = f"from tests.helpers.full_encoder import {task.__name__} as use; use({str(path)!r})"
            done = run_python("-c", code, python=python)
            assert done.returncode == 0, done.stderr
    finally:
        path.unlink(missing_ok=True)


def write_full(path: Path) -> None:
    """A file of the names, shapes and size of the published `e4e_ffhq_encode.pt`."""
    channels = dict.fromkeys((4, 8, 16, 32, 64), 512) | {128: 256, 256: 128, 512: 64, 1024: 32}
    with torch.device("meta"):
        names = rosinality.export_generator(Generator(StyleGAN2Config(512, 512, (512,) * 8, channels)).state_dict())
    assert isinstance(names["g_ema"], dict)
    decoder = {f"decoder.{name}": torch.zeros(tensor.shape) for name, tensor in names["g_ema"].items()}
    encoder = drawn("e4e_encoder_1024", range(18))
    assert (len(encoder), len(decoder)) == (621, 171)
    save({"state_dict": {**encoder, **decoder}, "latent_avg": random(18, 512), "opts": E4E}, path)
