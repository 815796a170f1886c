"""Latent mappers: equal to StyleCLIP's, and in every file that StyleCLIP, StyleGAN-NADA or we write."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from styleclip.errors import SpaceError, WeightError
from styleclip.latents import Space
from styleclip.networks.generator import Generator
from styleclip.networks.latent_mapper import LevelsMapper, Mapper, StyleMapper
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.weights.formats import registry, rosinality
from styleclip.weights.formats.own_files import save_mapper
from styleclip.weights.load import load_generator, load_mapper
from styleclip.weights.state_dict import on_meta
from tests.golden import fill
from tests.helpers.checkpoint_writers import mapper_tensors
from tests.helpers.mapper_files import TINY_LAYOUT, style_networks
from tests.helpers.support import run_python
from tests.helpers.tiny import tiny_generator

W_PLUS = ("mapper_levels", "mapper_levels_no_fine", "mapper_single")
STYLES = ("mapper_full_stylespace", "mapper_stylespace_without_torgb")
Save = Callable[[object, Path], None]


def save_zip(content: object, path: Path) -> None:
    torch.save(content, path)


def save_legacy(content: object, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def golden(name: str) -> dict[str, Tensor]:
    return {f"mapper.{key}": torch.from_numpy(value) for key, value in fill.state_dict(name).items()}


def golden_input(name: str) -> Tensor:
    about = fill.meta(name)
    if name in W_PLUS:
        return torch.from_numpy(fill.draw("input.w_plus", (2, 18, 512), about["seed"]))
    layers = [fill.draw(f"input.s{i}", (1, width), about["seed"]) for i, width in enumerate(about["dims"])]
    return torch.cat([torch.from_numpy(layer) for layer in layers], dim=1)


def decoder() -> dict[str, Tensor]:
    theirs: Any = rosinality.export_generator(tiny_generator().state_dict())["g_ema"]
    return {f"decoder.{name}": tensor for name, tensor in theirs.items()}


def run(mapper: Mapper, latent: Tensor) -> Tensor:
    with torch.no_grad():
        step: Tensor = mapper(latent)
    return step


@pytest.mark.parametrize("name", W_PLUS + STYLES)
def test_the_published_networks(name: str, tmp_path: Path) -> None:
    torch.save({"state_dict": golden(name), "opts": {}}, tmp_path / "mapper.pt")
    mapper = load_mapper(tmp_path / "mapper.pt")
    assert mapper.space is (Space.W_PLUS if name in W_PLUS else Space.S)
    assert not mapper.training and not any(p.requires_grad for p in mapper.parameters())
    expected = torch.from_numpy(fill.vectors(name)["delta"])
    step = run(mapper, golden_input(name))
    assert step.shape == expected.shape
    assert (step - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_levels_that_are_left_out_do_not_move() -> None:
    latent = torch.randn(2, 10, 8, generator=torch.Generator().manual_seed(0))
    step = run(LevelsMapper(["medium"], w_dim=8), latent)
    assert step[:, 4:8].abs().min() > 0
    assert not step[:, :4].any() and not step[:, 8:].any()


def test_small_generators_have_no_fine_vectors() -> None:
    assert run(LevelsMapper(w_dim=8), torch.ones(2, 6, 8)).shape == (2, 6, 8)


def test_toRGB_does_not_move_unless_asked() -> None:
    styles = torch.randn(3, TINY_LAYOUT.size, generator=torch.Generator().manual_seed(0))
    mask = TINY_LAYOUT.torgb_mask()
    assert not run(StyleMapper(TINY_LAYOUT), styles)[:, mask].any()
    assert run(StyleMapper(TINY_LAYOUT), styles)[:, ~mask].all()
    assert run(StyleMapper(TINY_LAYOUT, torgb=True), styles).all()


def test_another_generators_latents_are_refused() -> None:
    with pytest.raises(SpaceError, match="takes w of length 8, got 9; use it with its own generator"):
        LevelsMapper(w_dim=8)(torch.zeros(1, 6, 9))
    with pytest.raises(SpaceError, match="28 style channels, got 5"):
        StyleMapper(TINY_LAYOUT)(torch.zeros(1, 5))


@pytest.mark.parametrize("save", [save_zip, save_legacy])
@pytest.mark.parametrize("opts", [{"no_fine_mapper": True}, argparse.Namespace(no_fine_mapper=True), {}, None])
def test_published_files(tmp_path: Path, save: Save, opts: object) -> None:
    tensors = mapper_tensors("course_mapping", "medium_mapping")
    save({"state_dict": {**tensors, **decoder()}, "opts": opts}, tmp_path / "surprised.pt")
    found = {part.kind: part for part in registry.read_all(tmp_path / "surprised.pt")}
    assert found["mapper"].config == {"levels": ["coarse", "medium"], "w_dim": 8}
    assert "non-commercial" in found["generator"].licence
    state = load_mapper(tmp_path / "surprised.pt").state_dict()
    assert torch.equal(state["coarse.fc0.weight"], tensors["mapper.course_mapping.mapping.1.weight"])
    assert torch.equal(state["medium.fc3.bias"], tensors["mapper.medium_mapping.mapping.4.bias"])
    with pytest.warns(UserWarning, match="no average latent"):
        generator = load_generator(tmp_path / "surprised.pt").state_dict()
    expected = tiny_generator().state_dict()
    assert all(torch.equal(generator[name], expected[name]) for name in expected if name != "mapping.w_avg")


def test_a_file_without_the_generator(tmp_path: Path) -> None:
    torch.save({"state_dict": mapper_tensors("mapping")}, tmp_path / "old.pt")
    assert [part.config for part in registry.read_all(tmp_path / "old.pt")] == [{"levels": ["all"], "w_dim": 8}]
    assert list(load_mapper(tmp_path / "old.pt").state_dict())[0] == "all.fc0.weight"
    with pytest.raises(WeightError, match="it holds mapper, no generator; pass a file with one"):
        load_generator(tmp_path / "old.pt")


@pytest.mark.parametrize(("torgb", "kind"), [(False, "stylespace"), (True, "full stylespace")])
def test_style_space(tmp_path: Path, torgb: bool, kind: str) -> None:
    options = {"work_in_stylespace": True, "mapper_type": "LevelsMapper", "no_fine_mapper": False}
    torch.save({"state_dict": style_networks(TINY_LAYOUT, torgb), "opts": options}, tmp_path / "mapper.pt")
    content = registry.read_one(tmp_path / "mapper.pt", "mapper")
    assert content.config == {"layout": TINY_LAYOUT, "torgb": torgb} and content.summary["mapper"] == kind
    mapper = load_mapper(tmp_path / "mapper.pt")
    assert isinstance(mapper, StyleMapper) and mapper.layout == TINY_LAYOUT
    assert ("b8.torgb.fc0.weight" in mapper.state_dict()) is torgb


@pytest.mark.parametrize(
    "mapper",
    [LevelsMapper(["coarse"], 8), LevelsMapper(["all"], 8), StyleMapper(TINY_LAYOUT), StyleMapper(TINY_LAYOUT, True)],
    ids=["levels", "single", "stylespace", "full stylespace"],
)
def test_our_file_comes_back(tmp_path: Path, mapper: Mapper) -> None:
    path = save_mapper(mapper, tmp_path / "mapper.safetensors", {"prompt": "a smile"})
    again = load_mapper(path)
    assert type(again) is type(mapper)
    ours, theirs = mapper.state_dict(), again.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    content = registry.read_one(path, "mapper")
    assert content.about == {"prompt": "a smile"} and content.summary["mapper"]


FULL_SIZE = """
import json, sys
from pathlib import Path
from styleclip.networks.latent_mapper import LevelsMapper
from styleclip.weights.load import load_generator, load_mapper
from styleclip.weights.state_dict import on_meta

def peak():
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

on_meta(LevelsMapper)  # lets torch import what it needs
report = {}
for load in (load_mapper, load_generator):
    before = peak()
    network = load(sys.argv[1])
    report[load.__name__] = [peak() - before, len(network.state_dict())]
print(json.dumps(report))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell the peak of memory")
def test_a_file_of_full_size(tmp_path: Path, python: list[str]) -> None:
    path = tmp_path / "afro.pt"
    meta = fill.meta("stylegan2_rosinality_64")
    shapes = {f"decoder.{name}": shape for name, shape in full_decoder().items()}
    tensors = {name: torch.from_numpy(value) for name, value in fill.fill(shapes, meta["rules"], meta["seed"]).items()}
    torch.save({"state_dict": {**golden("mapper_levels_no_fine"), **tensors}, "opts": {}}, path)
    result = run_python("-c", FULL_SIZE, str(path), python=python)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    size, own = path.stat().st_size, sum(tensor.nbytes for tensor in golden("mapper_levels_no_fine").values())
    memory, names = report["load_mapper"]
    assert memory < 2.2 * own + 2**24 < 0.3 * size and names == 16  # the generator stays on disk
    memory, _ = report["load_generator"]
    assert memory < 1.7 * size  # the network, and what one layer takes while it is frozen


def full_decoder() -> dict[str, tuple[int, ...]]:
    config = StyleGAN2Config(512, 512, (512,) * 8, {2**k: min(2**15 >> k, 512) for k in range(2, 11)})
    generator = on_meta(lambda: Generator(config))
    theirs: Any = rosinality.export_generator(generator.state_dict())["g_ema"]
    assert len(theirs) == 171
    return {name: tuple(tensor.shape) for name, tensor in theirs.items()}
