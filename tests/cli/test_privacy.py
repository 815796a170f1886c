"""What the commands write tells names and hashes of the files they read, not where these lay or who may read them."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

import styleclip
from styleclip import loading
from styleclip.cli import main
from styleclip.images import read_record
from styleclip.latents import save_latent
from styleclip.methods.mapper import LatentMapper, save_trained_mapper
from styleclip.models import Models
from styleclip.relevance_table import StyleStatistics
from styleclip.storage.recording import InputFile, Recording, relative_path
from styleclip.weights.file_state import sha256_of
from styleclip.weights.relevance_files import save_relevance
from styleclip.weights.urls import input_name
from tests.helpers.files import tiny_files
from tests.helpers.mappers import random_trained_mapper
from tests.helpers.support import done, edit_result
from tests.helpers.tiny import random_relevance_table, random_w_plus

PLACE = "alice-7f3e"  # a folder that no file may name
PROMPT = ("--prompt", "a face with red hair")
STEPS = ("--batch-size", "4", "--held-out", "2", "--steps", "2")
COMMANDS: dict[str, tuple[str, ...]] = {
    "optimize": (*PROMPT, "--latent", "{in}/w.safetensors", "--steps", "1", "--save-every", "1", "--video"),
    "map": (
        "--mapper",
        "{in}/mapper.safetensors",
        "--image",
        "{in}/me.png",
        "--no-align",
        "--refine",
        "1",
        "--strength",
        "1,2",
    ),
    "global-dir": (
        *(*PROMPT, "--latent", "{in}/w.safetensors", "--relevance", "{in}/table.safetensors", "--alpha", "1,2"),
        *("--beta", "0", "--explain", "--rows", "0"),
    ),
    "sliders": (
        *("--image", "{in}/me.png", "--no-align", "--refine", "1", "--mask", "{in}/me.png"),
        *("--mapper", "{in}/mapper.safetensors", "--result", "{in}/made @ 0.5"),
    ),
    "invert": ("{in}/me.png", "--no-align", "--refine", "1", "--encoder", "{in}/encoder.safetensors"),
    "sample": ("--seeds", "0-1"),
    "prepare": ("--method", "exact", "--images", "2", "--num-latents", "10", "--shard", "1/2"),
    "train-mapper": (*PROMPT, *STEPS, "--latents", "{in}/w.safetensors", "--evaluate-every", "1"),
    "train-encoder": ("--images", "{in}/faces", "--widths", "4,4,6,8", "--frame", "16", "--leak", "0.2", *STEPS),
}
FILES = {"prepare": "table.safetensors", "train-mapper": "new.safetensors", "train-encoder": "new.safetensors"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every kind of input, and the outputs of every command."""
    place = tmp_path_factory.mktemp("home") / PLACE
    inputs = place / "inputs"
    (inputs / "faces").mkdir(parents=True)
    generator, clip = tiny_files(inputs)
    models = styleclip.load(str(generator), clip=clip, identity="none")
    save_latent(random_w_plus(6), inputs / "w.safetensors")
    save_trained_mapper(random_trained_mapper(models), inputs / "mapper.safetensors")
    _save_table(models, inputs / "table.safetensors")
    editor = styleclip.Editor(models)
    editor.edit(editor.sample(), "a face", LatentMapper(random_trained_mapper(models))).save(inputs / "made")
    for name in ("me", *(f"faces/{i}" for i in range(6))):
        Image.linear_gradient("L").convert("RGB").resize((64, 64)).save(inputs / f"{name}.png")
    common = ("--model", str(generator), "--clip", str(clip), "--device", "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("HOME", str(place))
        patch.setenv("STYLECLIP_HOME", str(place / "cache"))
        patch.setattr(loading, "load_perceptual", lambda: None)
        for command in ("train-encoder", *(name for name in COMMANDS if name != "train-encoder")):
            out = place / "out" / command / FILES.get(command, "")
            words = (word.replace("{in}", str(inputs)) for word in COMMANDS[command])
            result = CliRunner().invoke(main, [command, *common, *words, "--out", str(out)])
            assert result.exit_code == 0, (command, result.output)
            if command == "train-encoder":
                out.rename(inputs / "encoder.safetensors")
    return place


def _save_table(models: Models, path: Path) -> None:
    about = {"method": "exact", "images": 3, "generator": models.generator_fingerprint, "clip": models.clip.name}
    table = random_relevance_table(models.generator.layout.size, about=about)
    assert isinstance(table.statistics, StyleStatistics)
    save_relevance(table, models.clip, path)


def texts(path: Path) -> Iterator[bytes]:
    """The bytes of a file and of its name, and what is deflated in it, as the text chunks of PNG files are."""
    data = path.read_bytes()
    yield path.name.encode()
    yield data
    for start in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try:
            yield zlib.decompressobj().decompress(data[start.start() :], 1 << 20)
        except zlib.error:
            continue


@pytest.mark.parametrize("command", COMMANDS)
def test_no_output_tells_where_its_inputs_lay(place: Path, command: str) -> None:
    folder = place / "out" / command
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert written
    telling = [path.relative_to(folder) for path in written if any(PLACE.encode() in text for text in texts(path))]
    assert not telling


def test_the_scan_finds_what_is_there(place: Path, tmp_path: Path) -> None:
    record = {"latent": str(place)}
    for metadata in (True, False):
        edit_result(provenance=record).save(tmp_path / str(metadata), recording=Recording(metadata=metadata))
    found = [path for path in tmp_path.rglob("*.png") if any(PLACE.encode() in text for text in texts(path))]
    assert {path.parent.name for path in found} == {"True"} and len(found) == 3


def test_pictures_have_names_and_hashes_and_records_relative_paths(place: Path) -> None:
    digest = sha256_of(place / "inputs" / "w.safetensors")
    told = read_record(place / "out" / "optimize" / "000_after.png")["provenance"]["source"]
    assert told == {"latent": "w.safetensors", "latent_sha256": digest}
    told = json.loads((place / "out" / "optimize" / "result.json").read_text())["provenance"]["source"]
    assert told == {"latent": "../../inputs/w.safetensors", "latent_sha256": digest}
    told = read_record(place / "out" / "map" / "strength_1" / "after.png")["provenance"]
    assert told["mapper"]["file"] == "mapper.safetensors" and told["source"]["image"] == "me.png"
    assert told["source"]["inversion"]["photo_sha256"] == sha256_of(place / "inputs" / "me.png")
    record = json.loads((place / "out" / "map" / "strength_1" / "result.json").read_text())
    assert record["provenance"]["source"]["image"] == "../../../inputs/me.png"
    told = read_record(place / "out" / "sample" / "seed_0001.png")
    assert (
        told["model"] == "generator.safetensors" == told["generator"]["name"] and len(told["generator"]["sha256"]) == 64
    )


@pytest.mark.parametrize("command", ["optimize", "map", "global-dir", "sliders", "invert", "sample"])
def test_options_of_the_record(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """`--no-metadata` leaves pictures bare; `--record-paths` writes whole paths, to result.json alone."""
    inputs = place / "inputs"
    monkeypatch.chdir(place)
    monkeypatch.setattr(loading, "load_perceptual", lambda: None)
    common = ("--model", str(inputs / "generator.safetensors"), "--clip", str(inputs / "clip.safetensors"))
    words = [word.replace("{in}", "inputs") for word in COMMANDS[command]]
    options = ("--no-metadata", "--record-paths", "--out", str(tmp_path / "out"))
    done(CliRunner().invoke(main, [command, *common, *words, *options]))
    pictures = [*(tmp_path / "out").rglob("*.png")]
    assert pictures
    for path in pictures:
        with Image.open(path) as picture:
            assert "styleclip" not in picture.info and not picture.getexif()
        assert not any(b"safetensors" in text or PLACE.encode() in text for text in texts(path))
    records = [path.read_text() for path in (tmp_path / "out").rglob("result.json")]
    assert all(f'"{inputs}/' in record for record in records) and (records or command == "sample")


# --- paths and URLs


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("/data/photos/me.jpg", "/data/out", "../photos/me.jpg"),
        ("/data/me.jpg", "/data", "me.jpg"),
        ("/secret/me.jpg", "/data/out", "me.jpg"),
        ("/home/alice/photos/me.jpg", "/home/alice/out/red", "../../photos/me.jpg"),
        ("/home/alice/photos/me.jpg", "/home/shared/out", "me.jpg"),
        ("/home/bob/photos/me.jpg", "/home/alice/out", "../../bob/photos/me.jpg"),
        ("/data/alice/me.jpg", "/data/out", "me.jpg"),
        ("/home/alice/me.jpg", "/", "me.jpg"),
    ],
)
def test_relative_paths(monkeypatch: pytest.MonkeyPatch, path: str, folder: str, expected: str) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    assert relative_path(Path(path), Path(folder)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ffhq", "ffhq"),
        ("ViT-B-32/openai", "ViT-B-32/openai"),
        ("https://user:secret@host.org:8080/a/net.pkl", "https://host.org:8080/a/net.pkl"),
        ("https://token@host.org/net.pkl", "https://host.org/net.pkl"),
        ("https://host.org/net.pkl?X-Amz-Signature=secret&x=1#s", "https://host.org/net.pkl?X-Amz-Signature=...&x=..."),
        ("http://host.org?token=secret", "http://host.org?token=..."),
        ("https://host.org/net.pkl?secret", "https://host.org/net.pkl?..."),
        ("https://host.org/uc?id=1&secret", "https://host.org/uc?id=1&..."),
        ("file:///home/alice/net.pkl", "net.pkl"),
    ],
)
def test_names_and_urls(name: str, expected: str) -> None:
    assert input_name(name) == expected


def test_a_file_is_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.pt").touch()
    name = input_name(tmp_path / "a.pt")
    assert isinstance(name, InputFile) and name == "a.pt" and name.path == tmp_path / "a.pt"
    record: dict[str, Any] = {"source": {"files": [name, 1]}}
    assert Recording().of_picture(record, "after.png") == {"source": {"files": ["a.pt", 1]}, "picture": "after.png"}
    assert Recording().of_json(record, tmp_path / "out") == {"source": {"files": ["../a.pt", 1]}}
    assert Recording(paths=True).of_json(record, tmp_path) == {"source": {"files": [str(tmp_path / "a.pt"), 1]}}
    assert Recording(metadata=False).of_picture(record, "after.png") is None
