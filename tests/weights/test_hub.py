"""Files on the Hugging Face Hub, from a server on this machine that answers as the Hub does."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

import styleclip
from styleclip.errors import WeightError
from styleclip.weights.cache import fetch
from styleclip.weights.file_state import sha256_of
from styleclip.weights.hub import HubFile, hub_origin, parse_hub_url
from styleclip.weights.locate import file_on_disk, weight_file
from styleclip.weights.urls import input_name, weight_from_url
from tests.helpers.hub_server import COMMITS, TOKEN, HubServer, running_hub
from tests.helpers.models_command import run
from tests.helpers.support import failed

URL = "hf://me/faces/packs/age.safetensors"
FILE = "me/faces/packs/age.safetensors"
OLD, NEW = b"old numbers", b"the new numbers"


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The server, with an older commit "v1" of a file."""
    with running_hub(cache, monkeypatch) as server:
        server.files = {FILE: NEW, f"{FILE}@{COMMITS['v1']}": OLD}
        yield server


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("hf://o/r/f.npy", HubFile("o/r", "f.npy")),
        ("hf://o/r/a/b c.pt@v1.0", HubFile("o/r", "a/b c.pt", "v1.0")),
        ("hf://o/r@dev/a/b.pt", HubFile("o/r", "a/b.pt", "dev")),
        ("hf://o/r/f.npy@refs/pr/1", HubFile("o/r", "f.npy", "refs/pr/1")),
        ("hf://datasets/o/r/f.npy", HubFile("o/r", "f.npy", kind="dataset")),
        ("hf://spaces/o/r.x-y/f.npy@a", HubFile("o/r.x-y", "f.npy", "a", "space")),
    ],
)
def test_urls(url: str, file: HubFile) -> None:
    assert parse_hub_url(url) == file


@pytest.mark.parametrize(
    "url",
    [
        "hf://",
        "hf://o",
        "hf://o/r",
        "hf://o/r/",
        "hf://o/r/a/",
        "hf://o/r/../f",
        "hf://o/r//f",
        "hf://o/r/f@",
        "hf://o/r/@v1",
    ]
    + ["hf://o/r@a/f@b", "hf://datasets/o/r", "hf://o r/x/f"],
)
def test_other_forms_are_refused(url: str) -> None:
    with pytest.raises(WeightError, match="is no file on the Hub; write it as hf://OWNER/REPO/FILE, with @REVISION"):
        weight_from_url(url)


def test_a_file_is_fetched_once_and_its_commit_is_known(hub: HubServer) -> None:
    seen: list[str] = []
    steps: list[tuple[int, int | None]] = []
    weight = weight_from_url(URL, "direction")
    assert weight.on_disk is None and weight.licence == "that of its page, https://huggingface.co/me/faces"
    path = fetch(weight, on_start=lambda each: seen.append(each.name), on_progress=lambda *step: steps.append(step))
    assert path.read_bytes() == NEW and seen == [URL] and steps[-1] == (len(NEW), len(NEW))
    assert hub_origin(path) == {"hub": FILE, "commit": COMMITS["main"]}
    assert {authorization for _, _, authorization in hub.requests} == {f"Bearer {TOKEN}"}
    asked = len(hub.requests)
    assert weight.on_disk == path == weight_file(URL, "direction") == file_on_disk(URL)
    assert len(hub.requests) == asked, "what is here is not asked for again"


def test_a_revision(hub: HubServer) -> None:
    paths = [weight_file(f"{URL}@{revision}", "direction") for revision in ("v1", COMMITS["v1"], "main")]
    assert [path.read_bytes() for path in paths] == [OLD, OLD, NEW]
    assert hub_origin(paths[0]) == hub_origin(paths[1]) == {"hub": FILE, "commit": COMMITS["v1"]}
    hub.files[f"datasets/{FILE}"] = b"of a data set"
    path = weight_file(f"hf://datasets/{FILE}", "direction")
    assert path.read_bytes() == b"of a data set" and hub_origin(path)["hub"] == f"datasets/{FILE}"


def test_offline(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    here = weight_file(f"{URL}@v1", "direction")
    hub.requests.clear()
    with pytest.raises(WeightError, match=f"{URL} is not in the cache of huggingface_hub and downloads are off; allow"):
        fetch(weight_from_url(URL), offline=True)
    assert fetch(weight_from_url(f"{URL}@v1"), offline=True) == here and not hub.requests
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightError, match="not in the cache of huggingface_hub and HF_HUB_OFFLINE forbids downloads"):
        weight_file(URL, "direction")
    assert weight_file(f"{URL}@v1", "direction") == here and not hub.requests


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("hf://me/nothing/f.npy", "there is no model me/nothing, or it is private; check it, or log in by `hf auth"),
        (f"{URL}@v9", "me/faces has no revision v9; see https://huggingface.co/me/faces"),
        ("hf://me/faces/g.npy", "me/faces has no file g.npy at main; see https://huggingface.co/me/faces"),
        ("hf://me/gated/f.npy", "its repository has terms to accept; do that on https://huggingface.co/me/gated and"),
    ],
)
def test_what_cannot_be_had(hub: HubServer, url: str, said: str) -> None:
    hub.files["me/gated/f.npy"], hub.gated = b"", {"me/gated"}
    with pytest.raises(WeightError) as caught:
        weight_file(url, "direction")
    assert str(caught.value).startswith(f"{url}: {said}") and "\n" not in str(caught.value)


@pytest.mark.parametrize("repository", ["me/a..b", "me/-a", f"me/{'a' * 100}"])
def test_no_repository_has_such_a_name(hub: HubServer, repository: str) -> None:
    with pytest.raises(WeightError, match=f"no repository is called {repository}; write it as hf://OWNER"):
        weight_file(f"hf://{repository}/f.npy", "direction")
    assert not hub.requests


def test_a_server_that_fails_or_is_away(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.broken = True
    with pytest.raises(WeightError, match="the Hub answers HTTP 500; try again later") as caught:
        weight_file(URL, "direction")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(WeightError, match="the Hub cannot be reached .*; try again later, or see https") as away:
        weight_file(URL, "direction")
    assert TOKEN not in f"{caught.value} {away.value}"


def test_the_size_and_the_hash_are_checked(hub: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.etags[FILE] = "0" * 64
    with pytest.raises(WeightError, match="the sha256 of age.safetensors is .* and not 0000.*; it was deleted, try"):
        weight_file(URL, "direction")
    hub.etags.clear()
    assert weight_file(URL, "direction").read_bytes() == NEW
    monkeypatch.setenv("STYLECLIP_MAX_DOWNLOAD_GB", "1e-9")
    with pytest.raises(WeightError, match="has 0.0 GB, which is not fetched; raise STYLECLIP_MAX_DOWNLOAD_GB"):
        weight_file(f"{URL}@v1", "direction")


def test_a_generator(hub: HubServer, files: tuple[Path, Path]) -> None:
    hub.files["me/gan/tiny.pkl"] = files[0].read_bytes()
    models = styleclip.load("hf://me/gan/tiny.pkl@v1", clip=files[1], identity="none")
    assert models.provenance["generator"]["name"] == "tiny.pkl"
    assert models.provenance["generator"]["sha256"] == sha256_of(files[0])


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightError, match=r"need the package huggingface_hub; run `pip install 'styleclip\[hub\]'`"):
        weight_from_url(URL)


def test_other_paths_come_from_no_hub(tmp_path: Path) -> None:
    assert hub_origin(tmp_path / "models--a--b" / "snapshots" / "main" / "f") == {}
    assert hub_origin("f.npy") == {} and input_name(f"{URL}@v1") == f"{URL}@v1"


def test_the_command_pulls_and_tells_the_licence(hub: HubServer) -> None:
    result = run("pull", URL, "--json")
    assert result.exit_code == 0 and "Licence: that of its page, https://huggingface.co/me/faces" in result.stderr
    [record] = json.loads(result.stdout)
    assert record["present"] and Path(record["path"]).read_bytes() == NEW and TOKEN not in result.output
    failed(run("pull", "hf://me/faces"), 1, "hf://me/faces is no file on the Hub; write it as")
