"""Latents, statistics and relevance: every file that StyleCLIP, e4e, PTI or we write, and on the command line."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file
from torch import Tensor

import styleclip
from styleclip.cli import main
from styleclip.errors import WeightError
from styleclip.latents import Latent, Space, StyleLayout, save_latent
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.prompts import Prompt
from styleclip.weights.formats import registry
from styleclip.weights.latent_files import load_latents
from styleclip.weights.relevance_files import load_statistics
from styleclip.weights.safe_pickle.lazy_tensors import read_tensor
from tests.helpers.support import FakeEditor
from tests.helpers.tiny import tiny_generator, tiny_models

LAYOUT = StyleLayout.from_channels({4: 6, 8: 5, 16: 4})


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def save_pickle(content: object, path: Path) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=3))
    return path


def layers(styles: Tensor) -> list[Tensor]:
    return list(LAYOUT.split(styles).values())


def arrays(styles: Tensor) -> list[object]:
    return [layer.numpy() for layer in layers(styles)]


def is_latent(path: Path, space: Space, expected: Tensor) -> bool:
    latent = load_latents(path)
    return latent.space is space and latent.data.dtype is torch.float32 and torch.equal(latent.data, expected)


@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
@pytest.mark.parametrize("count", [1, 3], ids=["pivot", "train_faces"])
def test_w_plus_of_torch(tmp_path: Path, zipped: bool, count: int) -> None:
    latents = normal(count, 18, 512)
    torch.save(torch.nn.Parameter(latents), tmp_path / "faces.pt", _use_new_zipfile_serialization=zipped)
    assert is_latent(tmp_path / "faces.pt", Space.W_PLUS, latents)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_latents_of_numpy(tmp_path: Path, dtype: type) -> None:
    for name, space, data in (("w_plus", Space.W_PLUS, normal(68, 6, 8)), ("W", Space.W, normal(100, 8))):
        np.save(tmp_path / f"{name}.npy", data.numpy().astype(dtype))
        expected = torch.from_numpy(data.numpy().astype(dtype)).float()
        latent = load_latents(tmp_path / f"{name}.npy", tiny_generator())
        assert latent.space is space and torch.equal(latent.data, expected)


@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
def test_style_space_of_torch(tmp_path: Path, zipped: bool) -> None:
    styles = normal(3, LAYOUT.size)
    content = [layer[:, None, :, None, None] for layer in layers(styles)]
    torch.save(content, tmp_path / "s.pt", _use_new_zipfile_serialization=zipped)
    assert is_latent(tmp_path / "s.pt", Space.S, styles)


def test_style_space_of_numpy(tmp_path: Path) -> None:
    styles = normal(20, LAYOUT.size)
    names = [f"G_synthesis_1/{entry.name}/add:0" for entry in LAYOUT.entries]
    assert is_latent(save_pickle([names, arrays(styles)], tmp_path / "S"), Space.S, styles)


@pytest.mark.parametrize(("space", "shape"), [("z", (2, 3)), ("w", (2, 3)), ("w+", (2, 4, 3)), ("s", (2, 9))])
def test_our_latents(tmp_path: Path, space: str, shape: tuple[int, ...]) -> None:
    path = save_latent(Latent(Space(space), normal(*shape)), tmp_path / "latent.safetensors")
    assert is_latent(path, Space(space), normal(*shape))


def test_statistics(tmp_path: Path) -> None:
    mean, std = normal(1, LAYOUT.size)[0], normal(1, LAYOUT.size, seed=1)[0].abs()
    content = [[array[0] for array in arrays(each[None])] for each in (mean, std)]  # type: ignore[index]
    part = registry.read_one(save_pickle(content, tmp_path / "S_mean_std"), "statistics")
    found = {name: read_tensor(tensor) for name, tensor in part.tensors.items()}
    assert torch.equal(found["mean"], mean) and torch.equal(found["std"], std)


@pytest.mark.parametrize("rows", [5376, 6048])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_relevance(tmp_path: Path, rows: int, dtype: type) -> None:
    relevance: np.ndarray = torch.nn.functional.normalize(normal(rows, 512), dim=1).numpy().astype(dtype)
    np.save(tmp_path / "fs3.npy", relevance)
    found = read_tensor(registry.read_one(tmp_path / "fs3.npy", "relevance").tensors["relevance"])
    assert found.dtype is torch.float32 and np.array_equal(found.numpy(), relevance.astype(np.float32))
    with pytest.raises(WeightError, match="fs3.npy: it holds relevance, no latents; pass a file with one"):
        load_latents(tmp_path / "fs3.npy")


def test_nothing_is_read_before_it_is_needed(tmp_path: Path) -> None:
    torch.save(normal(2, 18, 8), tmp_path / "faces.pt")
    content = (tmp_path / "faces.pt").read_bytes()
    at = content.index(normal(2, 18, 8).numpy().tobytes())
    (tmp_path / "faces.pt").write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    assert registry.read_one(tmp_path / "faces.pt", "latents").summary["w+"] == [2, 18, 8]
    with pytest.raises(WeightError, match=r"faces.pt: its part .* is damaged; download it again"):
        load_latents(tmp_path / "faces.pt")


REFUSED = {
    "a picture": (torch.zeros(8, 8, 3, dtype=torch.uint8), r"\[8, 8, 3\] of uint8 holds no real numbers"),
    "nothing": (torch.zeros(0, 18, 8), r"table \[0, 18, 8\] holds no real numbers; pass another file"),
    "infinite": (torch.full((1, 18, 8), torch.inf), "holds NaN or infinite numbers; download it again"),
    "one vector": (torch.ones(8), r"the generator tells the space of a table \[8\]; pass it"),
    "a number": (torch.tensor(8.0), r"it holds a tensor \[\], none of the known weights"),
    "other layers": ([torch.ones(1, 1, n, 1, 1) for n in (6, 5, 6)], "3 layers have the widths of no StyleGAN2; pass"),
    "uneven": (
        [torch.ones(n, 1, 6, 1, 1) for n in (1, 2)],
        "its layers hold 1 and 2 codes; save them again, as many of each",
    ),
    "other names": ({"a": torch.ones(1, 18, 8), "b": torch.ones(1)}, r"2 entries \(a \[1, 18, 8\], b \[1\]\), none of"),
    "other values": ({"latent": "w.pt"}, r"it holds a dict of 1 entries \(latent\), none of the known weights"),
    "a list of words": (["a", torch.ones(3)], r"it holds a list of 2 entries \(a str, a tensor \[3\]\), none of the"),
    "empty list": ([], "none of the known weights"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_latent(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(WeightError, match=f"bad.pt: .*{message}"):
        load_latents(tmp_path / "bad.pt")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"w": torch.ones(1, 8), "w+": torch.ones(1, 18, 8)}, r"named w and w\+; save them to one file each"),
        ({"w+": torch.ones(1, 8)}, r"a latent in w\+ has 3 axes, not \[1, 8\]; save it again"),
    ],
)
def test_our_latents_under_false_names(tmp_path: Path, tensors: dict[str, Tensor], message: str) -> None:
    save_file(tensors, tmp_path / "bad.safetensors")
    with pytest.raises(WeightError, match=f"bad.safetensors: .*{message}"):
        load_latents(tmp_path / "bad.safetensors")


def test_statistics_of_different_layers(tmp_path: Path) -> None:
    means = [array[0] for array in arrays(normal(1, LAYOUT.size))]  # type: ignore[index]
    with pytest.raises(WeightError, match="S: its 7 layers have the widths of no StyleGAN2"):
        registry.read_all(save_pickle([means, means[:-1]], tmp_path / "S"))


def test_deviations_are_positive(tmp_path: Path) -> None:
    means, stds = (arrays(table) for table in (normal(1, LAYOUT.size), normal(1, LAYOUT.size).abs()))
    rows = [[array[0] for array in table] for table in (means, stds)]  # type: ignore[index]
    for pair, wrong in ((rows[::-1], "negative"), ([rows[0], [0 * row for row in rows[1]]], "all zero")):
        path = save_pickle(pair, tmp_path / "S_mean_std")
        with pytest.raises(WeightError, match=rf"deviations \[{LAYOUT.size}\] are {wrong}; pass the means first"):
            load_statistics(path, LAYOUT)
    load_statistics(save_pickle(rows, tmp_path / "S_mean_std"), LAYOUT)


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> list[Latent]:
    """The latents that the command line hands to the editor."""
    seen: list[Latent] = []
    edit = FakeEditor.edit

    def record(self: FakeEditor, latent: Latent, prompt: Prompt, *rest: object, **options: object) -> object:
        seen.append(latent)
        return edit(self, latent, prompt, *rest, **options)

    monkeypatch.setattr(FakeEditor, "edit", record)
    monkeypatch.setitem(vars(styleclip), "Editor", FakeEditor)
    config = StyleGAN2Config(12, 8, (8,), dict.fromkeys((4, 8, 16, 32, 64), 4))
    models = tiny_models(generator=tiny_generator(config))
    monkeypatch.setitem(vars(styleclip), "load", lambda model, **_: models)
    return seen


def optimize(folder: Path, *arguments: object) -> Result:
    words = ("optimize", "--prompt", "a face with red hair", "--json", "--out", folder / "out", *arguments)
    return CliRunner().invoke(main, list(map(str, words)), prog_name="styleclip")


def test_the_command_line_takes_all_latents_or_some(tmp_path: Path, edited: list[Latent]) -> None:
    faces = tmp_path / "faces.pt"
    torch.save(normal(64, 10, 8), faces)
    optimize(tmp_path, "--latent", faces)
    result = optimize(tmp_path, "--latent", faces, "--rows", "60-61,3", "--overwrite")
    assert [latent.data.shape[0] for latent in edited] == [64, 3]
    assert torch.equal(edited[1].data, normal(64, 10, 8)[[60, 61, 3]])
    source = json.loads(result.stdout)["provenance"]["source"]
    assert (source["latent"], source["rows"]) == ("../faces.pt", [60, 61, 3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--latent", "FACES"), "holds 65 latents; choose some of them, e.g. with --rows 0-7"),
        (("--latent", "FACES", "--rows", "64-65"), "holds 65 latents, the last is row 64; change --rows"),
        (("--latent", "FACES", "--rows", "first"), "'first' is not a list of rows; write it like 0-7"),
        (("--rows", "0"), "--rows chooses from the latents of a file; pass it with --latent"),
        (("--latent", "FACES", "--seed", "1"), "--seed and --latent both name a source"),
    ],
)
def test_rows_on_the_command_line(
    tmp_path: Path, edited: list[Latent], arguments: tuple[str, ...], message: str
) -> None:
    torch.save(normal(65, 10, 8), tmp_path / "faces.pt")
    result = optimize(tmp_path, *(tmp_path / "faces.pt" if word == "FACES" else word for word in arguments))
    assert (result.exit_code, edited) == (2, [])
    assert message in result.stderr and result.stderr.strip().splitlines()[-1].startswith("Error: ")


def test_one_code_is_one_person(tmp_path: Path, edited: list[Latent]) -> None:
    np.save(tmp_path / "code.npy", normal(10, 8).numpy())
    told = optimize(tmp_path, "--latent", tmp_path / "code.npy")
    assert "Warning: code.npy: the table [10, 8] is read as 1 code of W+" in told.stderr
    chosen = optimize(tmp_path, "--latent", tmp_path / "code.npy", "--latent-space", "w", "--overwrite")
    assert "Warning" not in chosen.stderr
    assert [(latent.space, len(latent)) for latent in edited] == [(Space.W_PLUS, 1), (Space.W, 10)]
    assert json.loads(chosen.stdout)["provenance"]["source"]["latent_space"] == "w"
    alone = optimize(tmp_path, "--latent-space", "w", "--overwrite")
    assert alone.exit_code == 2 and "--latent-space says what a file of latents holds; pass it with" in alone.stderr


def test_published_files_on_the_demo_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = styleclip.load("demo")
    monkeypatch.setitem(vars(styleclip), "load", lambda model, **_: models)
    torch.save(styleclip.Editor(models).sample(seeds=range(3)).data.contiguous(), tmp_path / "test_faces.pt")
    result = optimize(tmp_path, "--latent", tmp_path / "test_faces.pt", "--rows", "0-1", "--steps", "1")
    assert result.exit_code == 0 and len(json.loads(result.stdout)["scores"]) == 2
    torch.save(normal(1, 18, 512), tmp_path / "pivot.pt")
    result = optimize(tmp_path, "--latent", tmp_path / "pivot.pt", "--steps", "1", "--overwrite")
    assert (result.exit_code, result.stdout) == (1, "")
    shapes = "z [N, 64], w [N, 256], w+ [N, 12, 256], s [N, 1616]"
    said = f"its table [1, 18, 512] does not fit this generator, whose shapes are {shapes}; pass latents made for it"
    assert result.stderr == f"Error: {tmp_path / 'pivot.pt'}: {said}\n"
