"""Files of projectors and inverters: the table of codes in each structure, bit for bit, and nothing in them is run."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import Space
from styleclip.networks.generator import Generator
from styleclip.weights.describe import describe
from styleclip.weights.formats.code_tables import find_codes
from styleclip.weights.latent_files import load_latents
from styleclip.weights.load import load_generator
from tests.helpers.hostile import call, laughs, name, pickled, write_npy, write_pickle
from tests.helpers.tiny import TINY, TINY_NUM_WS, tiny_generator

ROWS, WIDTH = TINY_NUM_WS, TINY.w_dim
CODES = torch.randn(3, ROWS, WIDTH, generator=torch.Generator().manual_seed(0))
ONE = CODES[:1]
PICTURE = torch.zeros(1, 3, 16, 16)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator()


def npy(content: Any, path: Path) -> None:
    np.save(path, content, allow_pickle=True)


def npz(content: Any, path: Path) -> None:
    np.savez(path, **content)


def compressed(content: Any, path: Path) -> None:
    np.savez_compressed(path, **content)


def pkl(content: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(content))


def names(values: Any) -> dict[str, Any]:
    return {f"{i}.jpg": value for i, value in enumerate(values)}


def projected(latent: Tensor) -> dict[str, Any]:
    return {"img": PICTURE[0], "latent": latent, "noise": [torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 8, 8)]}


ARRAYS = CODES.numpy()
W_PLUS: dict[str, tuple[Callable[[Any, Path], None], str, Any, Tensor]] = {
    "NVIDIA's projector": (npz, "projected_w.npz", {"w": ARRAYS[:1]}, ONE),
    "the same, compressed": (compressed, "projected_w.npz", {"w": ARRAYS[:1]}, ONE),
    "several arrays": (npz, "codes.npz", {"latents": ARRAYS, "scores": np.ones(3)}, CODES),
    "rosinality's projector": (torch.save, "project.pt", {"face.png": projected(ONE[0])}, ONE),
    "rosinality's, several": (torch.save, "project.pt", {k: projected(v) for k, v in names(CODES).items()}, CODES),
    "JoJoGAN": (torch.save, "face.pt", {"latent": torch.nn.Parameter(ONE[0])}, ONE),
    "with a name": (torch.save, "face.pt", {"latent": ONE, "name": "a"}, ONE),
    "StyleFlow": (pkl, "wplus.pkl", {"Latent": ARRAYS[:, None], "Light": np.ones((3, 9))}, CODES),
    "a list": (torch.save, "faces.pt", list(CODES), CODES),
    "a list of batches": (torch.save, "faces.pt", [CODES[:1], CODES[1:]], CODES),
    "a list of one": (torch.save, "faces.pt", [ONE], ONE),
    "a tuple": (pkl, "faces.pkl", tuple(ARRAYS), CODES),
    "a dict by name": (torch.save, "faces.pt", names(CODES), CODES),
    "a dict by number": (pkl, "faces.pkl", dict(enumerate(ARRAYS)), CODES),
    "HyperStyle": (npy, "latents.npy", names(ARRAYS), CODES),
    "ReStyle": (npy, "latents.npy", names([np.zeros_like(code), code] for code in ARRAYS), CODES),
    "idinvert": (npy, "inverted_codes.npy", ARRAYS, CODES),
    "a dict of latents in an npy": (npy, "code.npy", {"latent": ARRAYS[:1], "id": 3}, ONE),
    "tensors in an npy": (npy, "code.npy", {"latent": ONE}, ONE),
    "big-endian": (npy, "w_plus.npy", ARRAYS.astype(">f4"), CODES),
    "in Fortran order": (npy, "w_plus.npy", np.asfortranarray(ARRAYS), CODES),
    "a list of results": (torch.save, "faces.pt", [projected(code) for code in CODES], CODES),
    "beside names": (npz, "codes.npz", {"latents": ARRAYS, "names": np.array(["a", "b", "c"])}, CODES),
    "one tensor under any name": (torch.save, "face.pt", {"final": ONE}, ONE),
    "a dict by score": (pkl, "faces.pkl", {0.5: ARRAYS[0], 0.25: ARRAYS[1]}, CODES[:2]),
    "a key with another case": (pkl, "face.pkl", {"W_plus": ARRAYS}, CODES),
}


@pytest.mark.filterwarnings("ignore:.*read as 1 code of W", "ignore:the file holds the latents of several iterations")
@pytest.mark.parametrize(("write", "file", "content", "expected"), W_PLUS.values(), ids=W_PLUS)
def test_codes_of_w_plus(
    tmp_path: Path,
    generator: Generator,
    write: Callable[[Any, Path], None],
    file: str,
    content: Any,
    expected: Tensor,
) -> None:
    write(content, tmp_path / file)
    latent = load_latents(tmp_path / file, generator)
    assert latent.space is Space.W_PLUS and torch.equal(latent.data, expected)
    [part] = describe(tmp_path / file)["parts"]
    assert part["kind"] == "latents" and part["fits"].endswith(f"of 16 px, w of {WIDTH}")


@pytest.mark.parametrize(
    ("content", "space"),
    [
        ({"face.png": projected(CODES[0, 0])}, Space.W),
        ({name: projected(row) for name, row in names(CODES[0, :3]).items()}, Space.W),
        ({"z": torch.ones(2, TINY.z_dim)}, Space.Z),
        ([CODES[0, :1], CODES[0, 1:2]], Space.W),
    ],
)
def test_codes_of_other_spaces(tmp_path: Path, generator: Generator, content: Any, space: Space) -> None:
    torch.save(content, tmp_path / "project.pt")
    assert load_latents(tmp_path / "project.pt", generator).space is space


def test_styles_by_name(tmp_path: Path, generator: Generator) -> None:
    styles = torch.randn(3, generator.layout.size)
    torch.save(generator.layout.split(styles), tmp_path / "styles.pt")
    latent = load_latents(tmp_path / "styles.pt", generator)
    assert latent.space is Space.S and torch.equal(latent.data, styles)
    for axes in ((3, 1, -1), (3, -1, 1, 1)):
        torch.save([layer.reshape(axes) for layer in generator.layout.split(styles).values()], tmp_path / "styles.pt")
        assert torch.equal(load_latents(tmp_path / "styles.pt", generator).data, styles)
    torch.save([layer[0] for layer in generator.layout.split(styles).values()], tmp_path / "one.pt")
    assert torch.equal(load_latents(tmp_path / "one.pt", generator).data, styles[:1])


def test_the_last_of_several_iterations(tmp_path: Path, generator: Generator) -> None:
    npy(names([np.zeros_like(code), code] for code in ARRAYS), tmp_path / "latents.npy")
    with pytest.warns(UserWarning, match="the latents of several iterations; the last is used"):
        load_latents(tmp_path / "latents.npy", generator)


OTHER: dict[str, Any] = {
    "a state dict": {"conv.weight": torch.ones(6, 8), "conv.bias": torch.ones(6)},
    "a state dict of one shape": {"a.weight": torch.ones(6, 8), "b.weight": torch.ones(6, 8)},
    "words": ["a", "b"],
    "a dict of words": {"latent": "a"},
    "nothing": {},
    "tensors of several shapes": [torch.ones(3, 4), torch.ones(4, 5)],
    "means and deviations": {"mean": torch.ones(512), "std": torch.ones(512)},
    "lists in lists": [[[[[[[[ONE]]]]]]]],
}


@pytest.mark.parametrize("content", OTHER.values(), ids=OTHER)
def test_what_is_none(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(
        WeightError, match=r"other.pt: it holds a (dict|list) of \d entries.*, none of the known weights"
    ):
        describe(tmp_path / "other.pt")


def test_objects_in_an_npy_are_not_run(tmp_path: Path) -> None:
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
    path = write_npy(tmp_path / "latents.npy", header, pickled({"latent": call(name("os", "system"), "touch ran")}))
    for way in (describe, load_latents, load_generator):
        with pytest.raises(WeightError, match="it names os.system, which no weights need, so it was not opened"):
            way(path)
    assert not Path("ran").exists()


def test_a_generator_in_an_npy_of_objects(tmp_path: Path) -> None:
    path = tmp_path / "words.npy"
    np.save(path, np.array([{"a": 1}, None], object), allow_pickle=True)
    with pytest.raises(WeightError, match=r"it holds a list of 2 entries \(a dict, None\), none of the known weights"):
        load_generator(path)


def test_codes_that_lie_in_each_other_are_found_quickly(tmp_path: Path) -> None:
    with pytest.raises(WeightError):
        describe(write_pickle(laughs(list), tmp_path / "laughs.pkl"))
    nested: Any = ONE
    for _ in range(40):
        nested = [nested, nested]
    assert find_codes(nested) is None


def test_an_archive_that_unpacks_to_much_more(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", w=np.zeros((1000, 18, 512), np.float32))
    with pytest.raises(WeightError, match="bomb.npz: its arrays are many times larger than the file; do not trust it"):
        load_latents(tmp_path / "bomb.npz")
