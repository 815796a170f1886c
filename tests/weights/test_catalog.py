"""The catalog: every entry is complete and plausible, and what is asked for by a wrong name is told the right one."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from styleclip.errors import WeightError
from styleclip.weights.catalog import Weight, bundle, catalog, home, weight, weights

KINDS = {
    "generator", "encoder", "identity", "clip", "mapper", "latents", "relevance", "direction", "landmarks",
    "perceptual", "inception",
}  # fmt: skip
DIGITS = {"sha256": 64, "md5": 32, "git_sha1": 40}
DRIVE = r"https://drive\.usercontent\.google\.com/download\?id=[\w-]{33}&export=download&confirm=t"


@pytest.mark.parametrize("entry", weights().values(), ids=list(weights()))
def test_every_entry(entry: Weight) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]+", entry.name)
    assert entry.kind in KINDS
    assert entry.what and entry.licence and entry.file
    digits = {**DIGITS, "git_sha1": 8} if entry.kind == "direction" else DIGITS  # the first ones of a blob
    assert all(len(digest) == digits[name] and set(digest) <= set("0123456789abcdef") for name, digest in hashes(entry))
    assert entry.size is None or entry.size > 1000
    assert entry.resolution is None or entry.resolution.bit_count() == 1
    assert entry.generator is None or weight(entry.generator, "generator").generator is None
    assert entry.range is None or entry.range[0] < 0 < entry.range[1]
    for url in filter(None, (*entry.urls, entry.homepage)):
        assert urlsplit(url).scheme == "https" and urlsplit(url).netloc
        assert "google" not in url or re.fullmatch(DRIVE, url)
    if entry.ships:
        assert entry.path.is_file()
    else:
        assert entry.homepage and "/" not in entry.file


def hashes(entry: Weight) -> list[tuple[str, str]]:
    return list(entry.hashes.items())


def test_no_two_entries_share_a_file_a_url_or_a_hash() -> None:
    for taken in (
        [entry.file for entry in weights().values()],
        [url for entry in weights().values() for url in entry.urls],
        [digest for entry in weights().values() for _, digest in hashes(entry)],
    ):
        assert [each for each, count in Counter(taken).items() if count > 1] == []


def test_what_people_ask_for_is_there() -> None:
    kinds = Counter(entry.kind for entry in weights().values())
    assert kinds["mapper"] == 14 + 4 and kinds["clip"] == 6 + 1 and kinds.keys() == KINDS
    assert kinds["direction"] == 3 + 1 + 5 + 6 + 2 + 16
    assert len([name for name in weights() if name.startswith("stylegan3-")]) == 2 * 6
    assert weight("ffhq").resolution == 1024 and weight("afhqcat").resolution == 512
    published = [entry for entry in weights().values() if entry.kind == "clip" and not entry.ships]
    assert len(published) == 6 and all(entry.sha256 and entry.sha256 in entry.urls[0] for entry in published)


@pytest.mark.parametrize("name", [each.name for each in weights().values() if each.kind == "direction"])
def test_every_direction_is_free_and_pinned_by_a_commit(name: str) -> None:
    entry = weight(name, "direction")
    assert entry.licence.startswith("MIT;") and not entry.ships
    if "stylegan3" in name:  # of configuration T or R, which nobody says
        assert entry.generator is None and "of StyleGAN3" in entry.what
    else:
        assert entry.generator == "ffhq"
    assert all(re.match(r"https://raw\.githubusercontent\.com/[\w/-]+/[0-9a-f]{40}/", url) for url in entry.urls)
    assert entry.file.rpartition(".")[0] == entry.name
    assert entry.homepage is not None and entry.urls[0].split("/")[3:5] == entry.homepage.split("/")[3:5]


@pytest.mark.parametrize("name", catalog()["models"])
def test_every_model_is_made_of_known_parts(name: str) -> None:
    parts = bundle(name)
    assert parts["what"]
    assert parts["identity"] == "none" or weight(parts["identity"], "identity")
    if name != "demo":
        assert weight(parts["generator"], "generator").name == name, "a model has the name of its generator"
        assert re.fullmatch(r"[\w-]+/[\w-]+", parts["clip"])


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda: weight("fhq"), "no weight is called 'fhq'; the closest are ffhq, "),
        (lambda: weight("arcfase", "identity"), "no identity is called 'arcfase'; the closest are arcface, "),
        (lambda: weight("ffhq", "identity"), "no identity is called 'ffhq'"),
        (lambda: bundle("dmo"), "no model is called 'dmo'; the closest are demo, "),
        (lambda: bundle(""), "no model is called ''"),
    ],
)
def test_a_wrong_name_is_told_the_closest(ask: object, answer: str) -> None:
    with pytest.raises(WeightError, match=re.escape(answer)):
        ask()  # type: ignore[operator]


def test_where_files_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STYLECLIP_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert home() == tmp_path / "styleclip"
    monkeypatch.setenv("STYLECLIP_HOME", "~/weights")
    assert weight("ffhq").path == Path.home() / "weights" / "ffhq.pkl"
    assert weight("demo").ships and not weight("ffhq").ships
