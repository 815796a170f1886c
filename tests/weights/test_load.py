"""Weight files: every supported format loads, every damaged or hostile one is refused in one sentence."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from styleclip.errors import OutputError, WeightError
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.networks.layers import fir_taps
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import load_generator
from styleclip.weights.safe_pickle.containers import open_content
from tests.golden import fill
from tests.helpers.compare_networks import assert_same
from tests.helpers.from_tensors import generator_from_tensors, rosinality_checkpoint
from tests.helpers.tiny import TINY, tiny_generator

FULL = StyleGAN2Config(
    512, 512, (512,) * 8, {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
)


def test_nvidia_names_load_from_torch_files(tmp_path: Path) -> None:
    taps = torch.outer(fir_taps(), fir_taps())
    filters = {f"synthesis.b{side}.resample_filter": taps for side in (4, 8, 16)}
    torch.save({**tiny_generator().state_dict(), **filters}, tmp_path / "nvidia.pt")
    assert_same(load_generator(tmp_path / "nvidia.pt"), tiny_generator())


def test_our_file(tmp_path: Path) -> None:
    config = StyleGAN2Config(**{**vars(TINY), "conv_clamp": 256.0})
    path = save_generator(tiny_generator(config), tmp_path / "g.safetensors", {"source": "test"})
    generator = load_generator(path)
    assert_same(generator, tiny_generator())
    assert generator.config == config
    assert [file.name for file in tmp_path.iterdir()] == ["g.safetensors"]


def test_half_precision_is_widened(tmp_path: Path) -> None:
    path = save_generator(tiny_generator(), tmp_path / "half.safetensors", dtype=torch.float16)
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}
    generator = load_generator(path)
    assert {tensor.dtype for tensor in generator.state_dict().values()} == {torch.float32}
    reference = tiny_generator().mapping.w_avg
    assert torch.allclose(generator.w_avg, reference, rtol=2**-10)  # half has 11 bits


def test_half_precision_must_not_overflow(tmp_path: Path) -> None:
    generator = tiny_generator()
    generator.w_avg.fill_(1e6)
    with pytest.raises(WeightError, match="w_avg overflows torch.float16; save it as float32"):
        save_generator(generator, tmp_path / "half.safetensors", dtype=torch.float16)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "g.safetensors"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match="cannot write .*disk full; choose another folder"):
        save_generator(tiny_generator(), path)
    assert path.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == ["g.safetensors"]


def test_loading_leaves_the_random_state_alone() -> None:
    state = torch.get_rng_state()
    generator_from_tensors(tiny_generator().state_dict())
    assert torch.equal(torch.get_rng_state(), state)


def drop(tensors: dict[str, Tensor]) -> None:
    del tensors["synthesis.b8.conv0.affine.bias"]


def add(tensors: dict[str, Tensor]) -> None:
    tensors["mapping.embed.weight"] = torch.ones(1)


def reshape(tensors: dict[str, Tensor]) -> None:
    tensors["synthesis.b8.torgb.bias"] = torch.ones(4)


def drop_shape(tensors: dict[str, Tensor]) -> None:
    del tensors["synthesis.b8.conv1.weight"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, "missing synthesis.b8.conv0.affine.bias;"),
        (add, "surplus mapping.embed.weight;"),
        (reshape, r"synthesis.b8.torgb.bias has shape \[4\] instead of \[3\]"),
        (drop_shape, "synthesis.b8.conv1.weight is missing"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], None], message: str
) -> None:
    tensors = dict(tiny_generator().state_dict())
    change(tensors)
    save_file(tensors, tmp_path / "bad.safetensors")
    with pytest.raises(WeightError, match=f"bad.safetensors: .*{message}"):
        load_generator(tmp_path / "bad.safetensors")


def test_missing_rosinality_tensors_are_named_as_in_the_file_and_at_most_five(tmp_path: Path) -> None:
    contents = rosinality_checkpoint()
    for name in [name for name in contents["g_ema"] if name.startswith("convs.1.")] + ["conv1.activate.bias"]:
        del contents["g_ema"][name]
    torch.save(contents, tmp_path / "bad.pt")
    with pytest.raises(WeightError, match="missing conv1.activate.bias, convs.1.*modulation.bias.* and 1 more;"):
        load_generator(tmp_path / "bad.pt")


@pytest.mark.parametrize("head", [b"", b"junk", b"PK\x03\x04junk", b"\x80\x02\x8a\x0ajunk", b"<!DOCTYPE html><html>"])
def test_junk_is_refused(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "junk.pt").write_bytes(head)
    with pytest.raises(WeightError, match=r"junk.pt: it .*; (download it again|check the download|fetch it again)"):
        load_generator(tmp_path / "junk.pt")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = save_generator(tiny_generator(), tmp_path / "cut.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightError, match="cut.safetensors: it is damaged .*; download it again"):
        load_generator(path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightError, match="absent.pt: there is no such file; check the path"):
        load_generator(tmp_path / "absent.pt")


def test_another_kind_of_our_files_is_refused(tmp_path: Path) -> None:
    save_file({"x": torch.ones(1)}, tmp_path / "mapper.safetensors", {"styleclip": "mapper"})
    with pytest.raises(WeightError, match="it holds mapper, no generator; pass a file with one"):
        load_generator(tmp_path / "mapper.safetensors")


class Hostile:
    """Unpickling it would create the folder `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


def save_plain(contents: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(contents))


def save_legacy(contents: object, path: Path) -> None:
    torch.save(contents, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("save", [save_plain, save_legacy, torch.save])
def test_code_in_a_file_never_runs(tmp_path: Path, save: Callable[[object, Path], None]) -> None:
    save({**rosinality_checkpoint(), "args": Hostile(tmp_path / "executed")}, tmp_path / "hostile.pt")
    with pytest.raises(
        WeightError, match="it names posix.mkdir, which no weights need, so it was not opened; do not trust it"
    ):
        load_generator(tmp_path / "hostile.pt")
    assert not (tmp_path / "executed").exists()


def test_random_states_are_inert(tmp_path: Path) -> None:
    states = [np.random.default_rng(0), np.random.RandomState(0), np.random.PCG64(0), np.random.get_state()]
    torch.save({"x": torch.ones(2), "rng": states}, tmp_path / "other.pt")
    with pytest.raises(WeightError, match="none of the known weights"):
        load_generator(tmp_path / "other.pt")


def test_something_else_is_described(tmp_path: Path) -> None:
    torch.save({"x": torch.ones(2), "y": 1}, tmp_path / "other.pt")
    with pytest.raises(
        WeightError, match=r"other.pt: it holds a dict of 2 entries \(x \[2\], y\), none of the known weights"
    ):
        load_generator(tmp_path / "other.pt")


@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
def test_every_kind_of_tensor_is_read_as_torch_reads_it(tmp_path: Path, zipped: bool) -> None:
    base = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    kinds = (torch.half, torch.bfloat16, torch.double, torch.int8, torch.uint8, torch.short, torch.int, torch.bool)
    contents = {
        "views": [base, base.T, base[1::2, ::3], base[0], base[:0], torch.nn.Parameter(base), torch.tensor(3.0)],
        "kinds": [(base * 9).to(kind) for kind in kinds],
        "channels_last": base.reshape(1, 2, 3, 8).to(memory_format=torch.channels_last),
        "plain": [None, True, 7, 2**70, 1.5, "text", b"bytes", (1, {2}), torch.Size([3]), torch.float16],
    }
    torch.save(contents, tmp_path / "all.pt", _use_new_zipfile_serialization=zipped)
    value = open_content(tmp_path / "all.pt").value
    for name in ("views", "kinds"):
        for stored, tensor in zip(value[name], contents[name], strict=True):
            assert torch.equal(stored.read(), tensor) and stored.read().dtype == tensor.dtype
    assert torch.equal(value["channels_last"].read(), contents["channels_last"])
    assert value["plain"] == [tuple(x) if isinstance(x, torch.Size) else x for x in contents["plain"]]


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_full_1024_file_loads_and_renders(tmp_path: Path) -> None:
    with torch.device("meta"):
        names = rosinality.export_generator(Generator(FULL).state_dict())["g_ema"]
    assert isinstance(names, dict) and len(names) == 171
    shapes = {name: tuple(tensor.shape) for name, tensor in names.items()}
    buffers = {name for name in shapes if name.startswith("noises.") or name.endswith(".kernel")}
    counts = [sum(torch.Size(shapes[name]).numel() for name in part) for part in (shapes.keys() - buffers, buffers)]
    assert counts == [30_370_060, 2_796_432]

    meta = fill.meta("stylegan2_rosinality_64")
    tensors = {key: torch.from_numpy(value) for key, value in fill.fill(shapes, meta["rules"], meta["seed"]).items()}
    torch.save({"g_ema": tensors, "latent_avg": torch.zeros(512)}, tmp_path / "stylegan2-ffhq-config-f.pt")
    generator = load_generator(tmp_path / "stylegan2-ffhq-config-f.pt")
    assert generator.config == FULL and (generator.num_ws, generator.layout.size) == (18, 9088)
    assert sum(p.numel() for p in generator.parameters()) == 30_370_060
    with torch.no_grad():
        image = generator(Latent(Space.Z, torch.randn(1, 512, generator=torch.Generator().manual_seed(0))))
    assert image.shape == (1, 3, 1024, 1024) and image.isfinite().all() and image.std() > 0.1
