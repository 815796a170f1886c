"""CLIPs by the names of open_clip: fetched as all other weights are, and nothing else reaches the network."""

from __future__ import annotations

import pickle
import socket
from pathlib import Path

import open_clip
import pytest
import torch
from click.testing import CliRunner
from huggingface_hub import constants
from PIL import Image

import styleclip
from styleclip.cli import main
from styleclip.errors import WeightError
from styleclip.networks.clip import CLIP
from styleclip.networks.open_clip_hub import open_clip_architecture
from styleclip.weights import clips
from styleclip.weights.cache import fetch
from styleclip.weights.catalog import Weight, bundle, weight
from styleclip.weights.clips import (
    ClipOnUse,
    clip_label,
    load_clip,
    open_clip_file,
    open_clip_weight,
    suited_settings,
)
from tests.helpers.clip_archives import weights_of, write_state_dict
from tests.helpers.clip_features import TINY_VIT
from tests.helpers.tiny import tiny_clip
from tests.helpers.weight_server import Answer, Server, sha256

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The addresses that somebody tried to reach."""
    asked: list[object] = []

    def refuse(*address: object) -> None:
        asked.append(address)
        raise OSError("no network in this test")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, lambda _, address: refuse(address))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return asked


@pytest.fixture
def published(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The file of `tiny/mine`, which open_clip says is on the server."""
    content = write_state_dict(weights_of(TINY_VIT), tmp_path / "clip.bin").read_bytes()
    record = open_clip.pretrained._pcfg(server.url("mine/clip.bin", Answer(content)))
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", TINY_VIT)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny", {"mine": record})
    return content


def test_weights_of_open_clip_are_fetched_as_all_others(server: Server, cache: Path, published: bytes) -> None:
    shown: list[str] = []

    def licence(entry: Weight) -> None:
        shown.append(f"{entry.name}: {entry.licence}")

    with pytest.raises(WeightError, match="tiny/mine is not in .* and downloads are off; download http.*mine/clip.bin"):
        load_clip("tiny/mine", fetch=lambda entry: fetch(entry, offline=True))
    assert server.requests == []
    clip = load_clip("tiny/mine", fetch=lambda entry: fetch(entry, on_start=licence))
    assert shown == ["tiny/mine: that of its model card, https://github.com/mlfoundations/open_clip"]
    assert clip.name == "tiny/mine" and (cache / "open_clip-tiny-mine").read_bytes() == published
    again = load_clip("tiny/mine", fetch=lambda entry: fetch(entry, offline=True))
    assert torch.equal(again.encode_text(["a face"]), clip.encode_text(["a face"])) and len(server.requests) == 1
    assert (cache / "seen.json").exists(), "a file without a published hash is remembered"


def test_the_command_pulls_them(server: Server, cache: Path, published: bytes) -> None:
    result = CliRunner().invoke(main, ["models", "pull", "tiny/mine"])
    assert result.exit_code == 0 and "Licence: that of its model card" in result.stderr
    assert Path(result.stdout.strip()).read_bytes() == published
    assert "nor a tag of tiny" in CliRunner().invoke(main, ["models", "pull", "tiny/other"]).stderr


def test_where_the_published_weights_are() -> None:
    assert open_clip_weight("ViT-B-32-quickgelu/openai") == weight("openai-ViT-B-32")
    release = open_clip_weight("ViT-B-32/laion400m_e32")
    assert release.sha256 == "46683a32" and release.urls[0].startswith("https://github.com/mlfoundations/open_clip")
    hub = open_clip_weight("ViT-B-32/laion2b_s34b_b79k")
    place = "https://huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    assert hub.urls == (
        f"{place}/resolve/main/open_clip_model.safetensors",
        f"{place}/resolve/main/open_clip_pytorch_model.bin",
    )
    assert hub.licence == f"that of its model card, {place}" and hub.sha256 is None
    for architecture, tag in open_clip.list_pretrained():
        entry = open_clip_weight(f"{architecture}/{tag}")
        assert entry.urls and all(url.startswith("https://") for url in entry.urls) and entry.licence


def test_the_first_digits_of_a_hash_are_checked(server: Server, published: bytes) -> None:
    entry = open_clip_weight("tiny/mine")
    right = Weight(**{**vars(entry), "sha256": sha256(published)[:8]})
    assert fetch(right).read_bytes() == published
    wrong = Weight(**{**vars(entry), "sha256": "01234567", "file": "wrong"})
    with pytest.raises(WeightError, match="its sha256 is .* and not 01234567"):
        fetch(wrong)


def test_what_others_fetched_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: list[object]) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(clips, "CLIP_CACHE", tmp_path / "clip")
    name, folder = "ViT-B-32/openai", tmp_path / "clip"

    def refuse(entry: Weight) -> Path:
        raise WeightError(f"{entry.name} is asked for")

    folder.mkdir()
    (folder / "ViT-B-32.pt").write_bytes(b"cut off")
    with pytest.raises(WeightError, match="openai-ViT-B-32 is asked for"):
        open_clip_file(name, refuse)
    monkeypatch.setattr(clips, "sha256_of", lambda _: weight("openai-ViT-B-32").sha256)
    assert open_clip_file(name, refuse) == folder / "ViT-B-32.pt"
    snapshot = tmp_path / "hub" / "models--timm--vit_base_patch32_clip_224.openai" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    (snapshot / "open_clip_model.safetensors").write_bytes(b"here")
    assert open_clip_file(name, refuse) == snapshot / "open_clip_model.safetensors"
    assert no_network == []


def test_parts_of_hugging_face_are_named_and_not_fetched(no_network: list[object]) -> None:
    name = "xlm-roberta-base-ViT-B-32"
    before = constants.HF_HUB_OFFLINE
    with pytest.raises(WeightError, match="fetch its parts by `hf download .*`, after `pip install transformers`"):
        open_clip_architecture(f"{name}/{open_clip.list_pretrained_tags_by_model(name)[0]}")
    assert no_network == [] and before == constants.HF_HUB_OFFLINE


def test_offline_reaches_nobody(files: tuple[Path, Path], no_network: list[object]) -> None:
    tries = [
        ["optimize", "--model", str(files[0]), "--prompt", "a face", "--clip", "ViT-B-32/openai"],
        ["optimize", "--model", str(files[0]), "--prompt", "a face", "--clip", "ViT-B-32/laion2b_s34b_b79k"],
        ["optimize", "--model", "ffhq", "--prompt", "a face"],
        ["sample", "--model", "https://example.org/net.pkl"],
        ["invert", "--encoder", "e4e-ffhq", "--model", str(files[0]), "absent.png"],
        ["map", "mapper-afro", "--model", str(files[0])],
        ["models", "pull", "ViT-B-32/laion2b_s34b_b79k"],
        ["models", "pull", "openai-RN50", "landmarks-68"],
    ]
    for words in tries:
        result = CliRunner().invoke(main, [*words, "--offline"])
        assert result.exit_code in (1, 2) and result.stderr.count("Error: ") == 1, (words, result.output)
    assert no_network == []


@pytest.mark.parametrize("clip", ["/nowhere/clip.pt", "ViT-B-32/openai", "openai-RN50", "https://example.org/clip.pt"])
def test_what_needs_no_clip_loads_none(
    files: tuple[Path, Path], tmp_path: Path, no_network: list[object], clip: str
) -> None:
    words = ["sample", "--model", str(files[0]), "--clip", clip, "--offline", "--seeds", "0", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert no_network == []


def test_inverting_loads_no_clip(files: tuple[Path, Path], tmp_path: Path, no_network: list[object]) -> None:
    broken = tmp_path / "clip.safetensors"
    broken.write_bytes(b"\xffbroken")
    Image.new("RGB", (64, 64), (200, 120, 90)).save(tmp_path / "a.png")
    words = ["invert", str(tmp_path / "a.png"), "--model", str(files[0]), "--clip", str(broken)]
    words += ["--no-align", "--refine", "1", "--offline", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0 and no_network == [], result.output
    models = styleclip.load(str(files[0]), clip=broken, identity="none", clip_on_use=True)
    assert models.provenance["clip"] == {"name": "clip.safetensors", "preprocess": "correct"}
    with pytest.raises(WeightError, match="clip.safetensors: it is neither a safetensors"):
        models.clip.encode_text(["a face"])


def test_a_clip_on_use_is_the_clip(files: tuple[Path, Path]) -> None:
    eager = styleclip.load(str(files[0]), clip=files[1], identity="none")
    models = styleclip.load(str(files[0]), clip=files[1], identity="none", clip_on_use=True)
    assert models.provenance == eager.provenance and clip_label(str(files[1])) == eager.clip.name
    assert models.clip.name == eager.clip.name
    assert torch.equal(models.clip.encode_text(["a face"]), eager.clip.encode_text(["a face"]))
    lazy = ClipOnUse(tiny_clip)
    assert isinstance(pickle.loads(pickle.dumps(lazy)), CLIP)


@pytest.mark.parametrize("method", ["draw", "sketch", "stylize"])
def test_the_settings_of_the_demo_suit_clips_of_few_words(method: str) -> None:
    clip = tiny_clip()
    assert suited_settings(clip, method) == bundle("demo")[method]
    clip.vocabulary = None
    assert suited_settings(clip, method) == {}
