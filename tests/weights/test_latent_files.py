"""Tables of latents for a generator: which space they are read in, with which warning, and what does not fit."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import styleclip
from styleclip.errors import WeightError, WeightWarning
from styleclip.latents import Latent, Space, save_latent
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.weights.describe import describe
from styleclip.weights.latent_files import is_gaussian, load_latents
from tests.helpers.tiny import tiny_generator

WIDTH = 64  # of z and of w, so that the shape does not tell them apart
CONFIG = StyleGAN2Config(WIDTH, WIDTH, (WIDTH, WIDTH), {4: 6, 8: 5, 16: 4})


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator(CONFIG)


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def w_of(generator: Generator, count: int) -> Tensor:
    return generator.map(normal(count, WIDTH))


def save(table: Tensor, path: Path) -> Path:
    np.save(path, table.numpy()) if path.suffix == ".npy" else torch.save(table, path)
    return path


def read(path: Path, generator: Generator, space: str | None = None) -> tuple[Latent, list[str]]:
    """The latents in a file, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", WeightWarning)
        latent = load_latents(path, generator, space)
    return latent, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("suffix", [".npy", ".pt"])
@pytest.mark.parametrize("shape", [(6, WIDTH), (6, 1, WIDTH), (6 * WIDTH,), (1, 6 * WIDTH)])
def test_one_code_of_w_plus(tmp_path: Path, generator: Generator, suffix: str, shape: tuple[int, ...]) -> None:
    code = w_of(generator, 6)
    latent, notes = read(save(code.reshape(shape), tmp_path / f"code{suffix}"), generator)
    assert latent.space is Space.W_PLUS and torch.equal(latent.data, code[None])
    told = f"code{suffix}: the table {list(shape)} is read as 1 code of W+, since it has a row for each of the 6 w"
    assert [note.startswith(told) and "--latent-space w reads it as W" in note for note in notes] == [True] * (
        shape[0] == 6
    )


@pytest.mark.parametrize("shape", [(1, 6, WIDTH), (3, 6, WIDTH), (3, 1, 6, WIDTH), (2, 3, 6, WIDTH)])
def test_codes_of_w_plus(tmp_path: Path, generator: Generator, shape: tuple[int, ...]) -> None:
    latent, notes = read(save(normal(*shape), tmp_path / "codes.npy"), generator)
    assert latent.space is Space.W_PLUS and not notes
    assert torch.equal(latent.data, normal(*shape).reshape(-1, 6, WIDTH))


@pytest.mark.parametrize("shape", [(5, WIDTH), (1, WIDTH), (WIDTH,), (5, 1, WIDTH)])
def test_codes_of_w(tmp_path: Path, generator: Generator, shape: tuple[int, ...]) -> None:
    codes = w_of(generator, math.prod(shape) // WIDTH)
    latent, notes = read(save(codes.reshape(shape), tmp_path / "w.npy"), generator)
    assert latent.space is Space.W and torch.equal(latent.data, codes) and not notes


@pytest.mark.parametrize("shape", [(5, WIDTH), (1, WIDTH), (WIDTH,), (2000, WIDTH)])
@pytest.mark.parametrize("on_sphere", [False, True])
def test_codes_of_z(tmp_path: Path, generator: Generator, shape: tuple[int, ...], on_sphere: bool) -> None:
    codes = normal(*shape).reshape(-1, WIDTH)
    if on_sphere:
        codes *= math.sqrt(WIDTH) / codes.norm(dim=1, keepdim=True)
    latent, [note] = read(save(codes.reshape(shape), tmp_path / "z.npy"), generator)
    assert latent.space is Space.Z and torch.equal(latent.data, codes)
    assert "of Z, since its numbers are Gaussian; --latent-space w reads it as W" in note


def test_the_width_tells_z_from_w(tmp_path: Path) -> None:
    for width, space in ((12, Space.Z), (8, Space.W)):
        latent, notes = read(save(normal(5, width), tmp_path / "codes.npy"), tiny_generator())
        assert latent.space is space and not notes


SEPARATE = {
    "rosinality": lambda rows: {f"{i}.jpg": {"latent": row, "noise": [torch.zeros(1)]} for i, row in enumerate(rows)},
    "names": lambda rows: {f"{i}.jpg": row for i, row in enumerate(rows)},
    "names of lists": lambda rows: {f"{i}.jpg": row[None] for i, row in enumerate(rows)},
    "list": lambda rows: [row[None] for row in rows],
    "list under a key": lambda rows: {"Latent": [row[None] for row in rows]},
}


@pytest.mark.parametrize("structure", SEPARATE)
def test_codes_that_lie_by_themselves_are_no_code_of_w_plus(
    tmp_path: Path, generator: Generator, structure: str
) -> None:
    codes = w_of(generator, 6)
    torch.save(SEPARATE[structure](codes), tmp_path / "faces.pt")
    latent, [note] = read(tmp_path / "faces.pt", generator)
    assert latent.space is Space.W and torch.equal(latent.data, codes)
    assert "read as 6 codes of W, since each lies by itself in the file; --latent-space w+ reads it as W+" in note
    one, _ = read(tmp_path / "faces.pt", generator, "w+")
    assert one.space is Space.W_PLUS and torch.equal(one.data, codes[None])
    [part] = describe(tmp_path / "faces.pt")["parts"]
    assert (part["codes"], part["fits"]) == ([6, WIDTH], "W or Z of 64")
    torch.save(SEPARATE[structure](codes[:4]), tmp_path / "faces.pt")
    assert read(tmp_path / "faces.pt", generator)[1] == []


@pytest.mark.parametrize("shape", [(4, WIDTH), (4, 1, WIDTH), (1, 6, WIDTH), (WIDTH,)])
def test_unit_rows_are_directions_whatever_their_axes(
    tmp_path: Path, generator: Generator, shape: tuple[int, ...]
) -> None:
    path = save(torch.nn.functional.normalize(normal(*shape), dim=-1), tmp_path / "comp.npy")
    with pytest.raises(WeightError, match="rows have length 1, as those of directions"):
        load_latents(path, generator)
    [part] = describe(path)["parts"]
    assert part["kind"] == "table" and "rows have length 1" in part["remark"]


@pytest.mark.parametrize(("space", "count"), [("w", 6), ("z", 6), ("w+", 1)])
def test_a_space_that_is_given(tmp_path: Path, generator: Generator, space: str, count: int) -> None:
    latent, notes = read(save(normal(6, WIDTH), tmp_path / "codes.npy"), generator, space)
    assert (latent.space, len(latent), notes) == (Space(space), count, [])
    assert torch.equal(latent.data.reshape(6, WIDTH), normal(6, WIDTH))


def test_codes_below_each_other(tmp_path: Path, generator: Generator) -> None:
    path = save(w_of(generator, 12), tmp_path / "codes.npy")
    assert len(load_latents(path, generator)) == 12
    assert torch.equal(load_latents(path, generator, "w+").data, w_of(generator, 12).reshape(2, 6, WIDTH))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(tmp_path: Path, generator: Generator, dtype: torch.dtype) -> None:
    table = w_of(generator, 5).to(dtype)
    torch.save(table, tmp_path / "w.pt")
    latent, _ = read(tmp_path / "w.pt", generator)
    assert latent.data.dtype is torch.float32 and torch.equal(latent.data, table.float())


@pytest.mark.parametrize("shape", [(3, -1), (3, 1, -1, 1, 1), (3, -1, 1, 1)])
def test_flat_styles(tmp_path: Path, generator: Generator, shape: tuple[int, ...]) -> None:
    styles = normal(3, generator.layout.size)
    latent, notes = read(save(styles.reshape(shape), tmp_path / "s.npy"), generator)
    assert latent.space is Space.S and torch.equal(latent.data, styles) and not notes
    [one], _ = read(save(styles[0], tmp_path / "s.npy"), generator)
    assert torch.equal(one.data[0], styles[0])


def test_styles_without_torgb(tmp_path: Path, generator: Generator) -> None:
    torgb = generator.layout.torgb_mask()
    styles = normal(3, int((~torgb).sum()))
    layers = [styles[:, :6], styles[:, 6:12], styles[:, 12:17], styles[:, 17:22], styles[:, 22:]]
    torch.save([layer[:, None, :, None, None] for layer in layers], tmp_path / "layers.pt")
    average = generator.to_space(Latent(Space.W, generator.w_avg[None]), Space.S).data
    for path in (save(styles, tmp_path / "s.npy"), tmp_path / "layers.pt"):
        latent, [note] = read(path, generator)
        assert latent.space is Space.S and torch.equal(latent.data[:, ~torgb], styles)
        assert torch.equal(latent.data[:, torgb], average[:, torgb].expand(3, -1))
        assert note == f"{path.name}: it has no styles of toRGB; those of the average w are used"


@pytest.mark.parametrize("space", list(Space))
def test_our_own_files_name_their_space(tmp_path: Path, generator: Generator, space: Space) -> None:
    given = generator.to_space(Latent(Space.Z, normal(6, WIDTH)), space)
    path = save_latent(given, tmp_path / "latent.safetensors")
    latent, notes = read(path, generator)
    assert latent.space is space and torch.equal(latent.data, given.data) and not notes
    with pytest.raises(WeightError, match=r"is in .*, not .*; leave the space out"):
        load_latents(path, generator, "z" if space is not Space.Z else "w")


REFUSED: dict[str, tuple[Tensor, str | None, str]] = {
    "of another generator": (
        normal(1, 18, 512),
        None,
        r"\[1, 18, 512\] does not fit this generator, whose shapes are z",
    ),
    "rows of another width": (normal(5, 7), None, r"its table \[5, 7\] does not fit .* w \[N, 64\], w\+ \[N, 6, 64\]"),
    "another space": (
        normal(5, WIDTH),
        "w+",
        r"\[5, 64\] does not fit this generator, whose shapes are w\+ \[N, 6, 64\]",
    ),
    "W+ as people in W": (normal(1, 6, WIDTH), "w", r"\[1, 6, 64\] does not fit .* are w \[N, 64\]"),
    "a direction": (
        torch.nn.functional.normalize(normal(1, WIDTH)),
        None,
        "its rows have length 1, as those of directions",
    ),
    "a picture": (torch.zeros(8, 8, 3, dtype=torch.uint8), None, r"\[8, 8, 3\] of uint8 holds no real numbers"),
    "NaN": (torch.full((1, 6, WIDTH), torch.nan), None, r"\[1, 6, 64\] holds NaN or infinite numbers"),
    "beyond float32": (torch.full((1, 6, WIDTH), 1e300, dtype=torch.double), None, "numbers that float32 has not"),
    "nothing": (torch.zeros(0, 6, WIDTH), None, "holds no real numbers"),
}


@pytest.mark.parametrize(("table", "space", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit(tmp_path: Path, generator: Generator, table: Tensor, space: str | None, words: str) -> None:
    for suffix in (".npy", ".pt"):
        with pytest.raises(WeightError, match=rf"bad{suffix}: .*{words}.*; "):
            load_latents(save(table, tmp_path / f"bad{suffix}"), generator, space)


def test_a_direction_by_name_of_its_space(tmp_path: Path, generator: Generator) -> None:
    path = save(torch.nn.functional.normalize(normal(1, WIDTH)), tmp_path / "age.npy")
    assert load_latents(path, generator, "w").space is Space.W


def test_without_a_generator(tmp_path: Path) -> None:
    assert styleclip.load_latents(save(normal(2, 6, WIDTH), tmp_path / "codes.npy")).space is Space.W_PLUS
    path = save(normal(6, WIDTH), tmp_path / "code.npy")
    with pytest.raises(WeightError, match=r"the generator tells the space of a table \[6, 64\]; pass it as generator="):
        styleclip.load_latents(path)
    assert len(styleclip.load_latents(path, space="w")) == 6


def test_gaussian_numbers(generator: Generator) -> None:
    assert is_gaussian(normal(20_000, WIDTH)) and is_gaussian(normal(1, 512))
    w = w_of(generator, 200)
    assert not is_gaussian(w) and not is_gaussian(w * math.sqrt(WIDTH) / w.norm(dim=1, keepdim=True))
    assert not is_gaussian(0.7 * normal(5, 512)) and not is_gaussian(normal(5, 512) + 0.5)
