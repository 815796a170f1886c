"""StyleGAN3 files that compute something else, are damaged or are hostile: one sentence that says what and why."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.weights.describe import describe
from styleclip.weights.load import load_generator
from tests.helpers.nvidia_trees import Persistent, rename, set_at
from tests.helpers.stylegan3_trees import set_buffer, write_stylegan3
from tests.helpers.tiny_stylegan3 import tiny_stylegan3

L0, L4, L14 = "synthesis.L0_36_32", "synthesis.L4_52_32", "synthesis.L14_64_3"
ANOTHER = "pass another StyleGAN3"


def drop(path: str, kind: str = "_buffers") -> Callable[[Persistent], None]:
    """Leave out a tensor."""
    parent, _, name = path.rpartition(".")
    return lambda network: network.at(parent)[kind].pop(name)


def forget(path: str, name: str) -> Callable[[Persistent], None]:
    """Leave out an attribute."""
    return lambda network: network.at(path).pop(name)


OTHER_FUNCTIONS: list[tuple[Callable[[Persistent], None], str]] = [
    (rename("", "SuperresGenerator"), "it is a StyleGAN-XL, another architecture; pass a StyleGAN2 or a StyleGAN3"),
    (rename(L4, "Attention"), f"its {L4} is of the class Attention; pass an unchanged StyleGAN3"),
    (set_at(L4, padding=[0, 0, 0, 0]), rf"its {L4}.padding is \[0, 0, 0, 0\], where ours has \[-6.*; {ANOTHER}"),
    (set_at(L4, in_cutoff=3.0), f"its {L4}.in_cutoff is 3.0, where ours has 4.0; {ANOTHER}"),
    (set_at(L4, out_half_width=1.0), f"its {L4}.out_half_width is 1.0, where ours has 10.96.*; {ANOTHER}"),
    (set_at(L4, up_factor=2), f"its {L4}.up_factor is 2, where ours has 4; {ANOTHER}"),
    (set_at(L4, conv_clamp=9), f"its {L4}.conv_clamp is 9, where ours has 256.0; {ANOTHER}"),
    (set_at(L4, down_radial=True), f"its {L4}.down_radial is True, where ours has False; {ANOTHER}"),
    (set_at(L14, is_torgb=False), f"its {L14}.is_torgb is False, where ours has True; {ANOTHER}"),
    (set_at("mapping", num_ws=18), f"its mapping.num_ws is 18, where ours has 16; {ANOTHER}"),
    (set_at("mapping.fc0", activation="relu"), f"its mapping.fc0.activation is relu, where ours has lrelu; {ANOTHER}"),
    (set_at("synthesis.input", size=[8, 8]), r"its synthesis.input.size is \[8, 8\], where ours has \[36, 36\]; pass"),
    (set_at("synthesis.input", sampling_rate=8.0), "its synthesis.input.sampling_rate is 8.0, where ours has 16; pass"),
    (set_at("synthesis.input", bandwidth=3.0), f"its {L0}.in_cutoff is 2.0, where ours has 3.0; {ANOTHER}"),
    (set_at("synthesis", num_critical=3), f"its {L4}.in_cutoff is 4.0, where ours has .*; {ANOTHER}|a layer in it"),
    (
        set_at("synthesis", margin_size=4),
        "a layer in it is called L0_36_32, where a StyleGAN3 of its size has L0_24_32",
    ),
    (set_at("synthesis", img_resolution=128), f"its synthesis.img_resolution is 128, where ours has 64; {ANOTHER}"),
    (set_at("synthesis", output_scale="0.25"), "its output_scale is 0.25, not a positive number; download it again"),
    (forget("synthesis", "output_scale"), "its generator does not say its output_scale; pass an unchanged StyleGAN3"),
    (set_at("synthesis", num_critical=20), "its num_critical is 20, as in no StyleGAN3 known here; pass another one"),
    (set_at("synthesis", margin_size=10**6), "its margin is 1000000, as in no StyleGAN3 known here; pass another one"),
]
DAMAGE: list[tuple[Callable[[Persistent], None], str]] = [
    (
        set_buffer(f"{L4}.up_filter", torch.full([24], 1 / 24)),
        f"{L4}.up_filter is not the low-pass filter of this layer",
    ),
    (
        set_buffer(f"{L4}.up_filter", torch.ones(3)),
        rf"{L4}.up_filter has shape \[3\] instead of \[24\]; pass a file of",
    ),
    (set_buffer(f"{L4}.down_filter", torch.full([12], torch.nan)), f"{L4}.down_filter is not the low-pass filter of"),
    (set_buffer(f"{L14}.up_filter", torch.ones(12)), f"{L14}.up_filter is not the low-pass filter|surplus {L14}.up_f"),
    (drop(f"{L4}.up_filter"), f"the tensors do not fit: missing {L4}.up_filter; pass a complete file"),
    (drop(f"{L0}.up_filter"), f"the tensor {L0}.up_filter is missing; pass a complete file"),
    (drop(f"{L4}.magnitude_ema"), f"the tensors do not fit: missing {L4}.magnitude_ema; pass a complete file"),
    (set_buffer(f"{L4}.magnitude_ema", torch.zeros([])), f"{L4}.magnitude_ema is not a positive number; download the"),
    (set_buffer(f"{L4}.magnitude_ema", torch.tensor(torch.nan)), f"{L4}.magnitude_ema is not a positive number; down"),
    (set_buffer("synthesis.input.freqs", torch.full([32, 2], torch.nan)), "input.freqs holds NaN or infinite numbers"),
    (set_buffer("synthesis.input.transform", torch.full([3, 3], torch.inf)), "transform holds NaN or infinite numbers"),
    (set_buffer(f"{L0}.up_filter", torch.zeros(40_000)), f"{L0}.up_filter has 40000 taps, as in no StyleGAN3 known"),
    (
        set_buffer(f"{L0}.up_filter", torch.zeros(11)),
        f"{L0}.up_filter has 11 taps, as in no StyleGAN3 known here; pass",
    ),
    (set_buffer("synthesis.input.transform", torch.zeros(2, 2)), r"input.transform has shape \[2, 2\] instead of \[3"),
]


@pytest.mark.parametrize(("change", "message"), OTHER_FUNCTIONS + DAMAGE)
def test_pickles(tmp_path: Path, change: Callable[[Persistent], None], message: str) -> None:
    path = write_stylegan3(tmp_path / "sg3.pkl", change)
    with pytest.raises(WeightError, match=f"sg3.pkl: .*({message})") as caught:
        load_generator(path)
    assert "\n" not in str(caught.value) and len(str(caught.value).removeprefix(f"{path}: ")) < 250


@functools.cache
def tensors() -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in tiny_stylegan3().state_dict().items()}


def renamed(old: str, new: str) -> dict[str, Tensor]:
    return {name.replace(old, new): tensor for name, tensor in tensors().items()}


def without(*ends: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors().items() if not name.endswith(ends)}


LAST = "L14_32_3"
OUR_FILES: dict[str, tuple[Callable[[], dict[str, Tensor]], dict[str, str], str]] = {
    "a picture of terapixels": (lambda: renamed(LAST, "L14_524288_3"), {}, "it draws 524288 x 524288 px, more than"),
    "no power of two": (lambda: renamed(LAST, "L14_33_3"), {}, "it draws 33 px, which is no power of two"),
    "no picture": (lambda: renamed(LAST, "L14_0_3"), {}, "it draws 0 px, which is no power of two"),
    "a gap in the layers": (lambda: renamed("L3_", "L77_"), {}, "its layers are not numbered from L0 on"),
    "a layer of another size": (lambda: renamed("L3_36_", "L3_84_"), {}, "a layer in it is called L3_84_6, where"),
    "no layers": (lambda: {k: t for k, t in tensors().items() if ".L" not in k}, {}, "it has no tensors named"),
    "no mapping": (lambda: {k: t for k, t in tensors().items() if "mapping" not in k}, {}, "no tensor named mapping"),
    "another mapping": (
        lambda: {**tensors(), "mapping.fc1.weight": torch.ones(9, 10)}, {}, "its mapping gives w of length 9, its",
    ),
    "a weight without axes": (lambda: {**tensors(), f"synthesis.{LAST}.weight": torch.ones([])}, {}, "has shape []"),
    "five channels": (
        lambda: {**tensors(), f"synthesis.{LAST}.weight": torch.ones(5, 6, 1, 1)}, {}, "its pictures have 5 channels",
    ),
    "a cutoff of nothing": (tensors, {"first_cutoff": "1e-300"}, "its filters have the cutoff 1e-300"),
    "a cutoff that is a text": (tensors, {"first_cutoff": "two"}, "its first_cutoff is two, not a number"),
    "a stopband below the cutoff": (tensors, {"first_stopband": "1.5"}, "its filters have the cutoff 2, stopband 1.5"),
    "a stopband that is not a number": (tensors, {"last_stopband_rel": "nan"}, "its last_stopband_rel is nan, not a"),
    "a negative margin": (tensors, {"margin": "-3"}, "its margin is -3, as in no StyleGAN3"),
    "a margin of many digits": (tensors, {"margin": "9" * 5000}, "its margin is"),
    "a clamp of zero": (tensors, {"conv_clamp": "0"}, "its conv_clamp is 0.0, not a positive number"),
}  # fmt: skip


@pytest.mark.parametrize("case", OUR_FILES)
def test_our_files(tmp_path: Path, case: str) -> None:
    build, numbers, message = OUR_FILES[case]
    path = tmp_path / "g.safetensors"
    save_file(build(), path, {"styleclip": "generator", **numbers})
    for read in (load_generator, describe):
        assert message in refusal(read, path)


def refusal(read: Callable[[Path], Any], path: Path) -> str:
    with pytest.raises(WeightError) as caught:
        read(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ") and "\n" not in said and "; " in said
    return said
