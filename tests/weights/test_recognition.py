"""Files of the catalog under another name: recognised by their bytes, and warned about for another generator."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from styleclip.errors import WeightWarning
from styleclip.models import Models
from styleclip.weights import recognition
from styleclip.weights.catalog import Weight, weight, weights
from styleclip.weights.recognition import file_hash, generator_weight, known_weight, recognise, warn_of_other_generator
from styleclip.weights.relevance_files import find_relevance
from tests.helpers.models_command import cells, done
from tests.helpers.tiny import tiny_models

CONTENT = b"a table of relevance" * 10
BLOB = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()


def publish(monkeypatch: pytest.MonkeyPatch, **entry: Any) -> Weight:
    """Let the catalog have an entry "made", which is not on this disk."""
    made = Weight(
        **{"name": "made", "kind": "relevance", "what": "a table", "licence": "MIT", "file": "made.npy"}
        | {"urls": ("https://example.com/made.npy",)}
        | entry
    )
    monkeypatch.setitem(weights(), "made", made)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "delta_i_c.npy"
    path.write_bytes(CONTENT)
    return path


def test_the_id_of_a_blob_is_that_of_git(tmp_path: Path) -> None:
    (tmp_path / "hello").write_bytes(b"hello\n")
    assert file_hash(tmp_path / "hello", "git_sha1") == "ce013625030ba8dba906f756967f9e9ca394464a"


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"git_sha1": BLOB}, True),
        ({"git_sha1": BLOB[:8]}, True),
        ({"git_sha1": BLOB[:8], "size": len(CONTENT)}, True),
        ({"sha256": hashlib.sha256(CONTENT).hexdigest(), "md5": hashlib.md5(CONTENT).hexdigest()}, True),
        ({"sha256": hashlib.sha256(CONTENT).hexdigest(), "md5": "0" * 32}, False),
        ({"git_sha1": "0" * 8, "size": len(CONTENT)}, False),
        ({"git_sha1": BLOB, "size": len(CONTENT) + 1}, False),
        ({"size": len(CONTENT)}, False),
    ],
)
def test_the_bytes_decide_and_no_name(
    monkeypatch: pytest.MonkeyPatch, file: Path, entry: dict[str, Any], found: bool
) -> None:
    assert recognise(file) is None
    made = publish(monkeypatch, **entry)
    assert recognise(file) == (made if found else None)


def test_a_file_in_its_place_needs_no_hash(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    made = publish(monkeypatch)
    cache.mkdir()
    made.path.write_bytes(CONTENT)
    monkeypatch.setattr(recognition, "file_hash", lambda *_: pytest.fail("its place tells"))
    assert known_weight(made.path) == made


def test_files_that_no_repository_takes_are_not_read_for_a_git_hash(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    publish(monkeypatch, git_sha1=BLOB)
    monkeypatch.setattr(recognition, "MAX_GIT_BYTES", len(CONTENT) - 1)
    assert recognise(file) is None


def test_generators_are_known_by_hash_or_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert generator_weight("ffhq.pkl", "0" * 64) == weight("ffhq")
    assert generator_weight("mine.pkl", "0" * 64) is None
    made = publish(monkeypatch, kind="generator", sha256="1" * 64)
    assert generator_weight("ffhq.pkl", "1" * 64) == made


def test_a_warning_for_another_generator_only_where_both_are_known() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for generator in ("ffhq", "ffhq-rosinality"):
            warn_of_other_generator(weight("fs3-ffhq"), weight(generator))
        warn_of_other_generator(weight("fs3-ffhq"), None)
        warn_of_other_generator(None, weight("metfaces"))
        warn_of_other_generator(weight("demo-old"), weight("metfaces"))
    with pytest.warns(WeightWarning, match="fs3-ffhq belongs to the generator ffhq and this is metfaces, .* --model"):
        warn_of_other_generator(weight("fs3-ffhq"), weight("metfaces"))


def test_a_published_table_under_another_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    models: Models = tiny_models()
    layout = models.generator.layout
    rows = np.random.default_rng(0).normal(size=(int((~layout.torgb_mask()).sum()), 10)).astype(np.float32)
    np.save(tmp_path / "mine.npy", rows / np.linalg.norm(rows, axis=1, keepdims=True))
    publish(monkeypatch, git_sha1=file_hash(tmp_path / "mine.npy", "git_sha1"), generator="ffhq")

    def load(generator: Weight | None) -> None:
        table = find_relevance(
            layout, models.clip, {"network": "0" * 64}, tmp_path / "mine.npy", None, None, lambda _: Path(), generator
        )
        assert table is not None and table.about == {"method": "published"}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for generator in (None, weight("ffhq")):
            load(generator)
    with pytest.warns(WeightWarning, match="made belongs to the generator ffhq and this is afhqcat"):
        load(weight("afhqcat"))


def test_inspect_says_the_same_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    np.save(tmp_path / "delta_i_c.npy", np.eye(16, dtype=np.float32))
    publish(monkeypatch, git_sha1=file_hash(tmp_path / "delta_i_c.npy", "git_sha1"), generator="ffhq")
    lines = list(map(cells, done("inspect", tmp_path / "delta_i_c.npy").splitlines()))
    assert ["the same file as", "made: a table"] in lines
    assert ["licence", "MIT"] in lines and ["for the generator", "ffhq"] in lines
