"""Files that the page sends: photos, directions, mappers; their sizes, their names, and where they go."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

import styleclip
from styleclip.directions.loading import save_direction
from styleclip.errors import WeightError
from styleclip.methods.style_direction import StyleDirection
from styleclip.studio.engine import Engine
from styleclip.studio.web import upload_routes
from styleclip.studio.web.server import create_app
from styleclip.studio.web.uploads import read_file_upload
from styleclip.weights.catalog import weight
from styleclip.weights.formats.own_files import save_generator
from tests.helpers.files import tiny_clip_file
from tests.helpers.studio_client import StudioClient, frame, sentence_in
from tests.helpers.support import assert_is_one_sentence
from tests.helpers.tiny import tiny_generator


@pytest.fixture(scope="module")
def direction(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a direction."""
    size = engine.models.generator.layout.size
    moved = styleclip.Prompt("a face with a beard", "a face")
    found = StyleDirection(
        moved, *(engine.models.generator.w_avg.new_ones(size) for _ in range(3)), beta=0.1, alpha=1.0
    )
    return save_direction(found, engine.models, tmp_path_factory.mktemp("direction") / "x.safetensors").read_bytes()


def mapper_content() -> bytes:
    path = weight("demo-old").on_disk
    assert path
    return path.read_bytes()


def direction_row(answer: dict[str, str]) -> dict[str, object]:
    """The row of an uploaded direction."""
    uploaded = {name: answer[name] for name in ("sha256", "name")}
    return {"id": "r", "on": True, "strength": 0.5, "kind": "direction", **uploaded}


def test_a_direction_and_a_mapper_become_rows(client: StudioClient, direction: bytes) -> None:
    answer = client.upload("/api/files", direction, "beard é.safetensors").json()
    assert (answer["kind"], answer["name"]) == ("direction", "beard é.safetensors")
    assert [each["name"] for each in answer["directions"]] == ["a face with a beard"]
    row = direction_row(answer)
    mapper = client.upload("/api/files", mapper_content(), "../old.safetensors").json()
    assert (mapper["kind"], mapper["name"], mapper["prompt"]) == ("mapper", "old.safetensors", "an old face")
    rows = [row, {**row, "id": "m", "kind": "mapper", "sha256": mapper["sha256"], "name": mapper["name"]}]
    for what in ("png", "command"):
        assert client.post("/api/export", json={"state": frame(0, rows)["state"], "what": what}).status_code == 200


def test_the_uploads_of_other_browsers_are_not_seen(client: StudioClient, engine: Engine, direction: bytes) -> None:
    answer = client.upload("/api/files", direction, "d.safetensors").json()
    row = direction_row(answer)
    other = StudioClient(create_app(engine))
    asked = other.post("/api/export", json={"state": frame(0, [row])["state"], "what": "png"})
    assert asked.status_code == 422 and "d.safetensors" in sentence_in(asked)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80\x04K\x01.", b"\x10\0\0\0\0\0\0\0{}" + b" " * 14])
def test_files_that_are_neither(client: StudioClient, content: bytes) -> None:
    """A pickle among them, of which nothing is run."""
    answer = client.upload("/api/files", content, "beard.safetensors")
    assert answer.status_code == 422
    sentence = sentence_in(answer)
    assert sentence.startswith("beard.safetensors: ") and "/" not in sentence.partition("see docs")[0]
    assert_is_one_sentence(sentence)


def test_weights_of_other_kinds_and_generators(engine: Engine, tmp_path: Path) -> None:
    generator = save_generator(tiny_generator(), tmp_path / "g.safetensors").read_bytes()
    with pytest.raises(WeightError, match=r"^g\.safetensors: it holds generator, no direction; pass a file with one"):
        read_file_upload(engine.models, generator, "g.safetensors")
    other = styleclip.load(str(tmp_path / "g.safetensors"), clip=tiny_clip_file(tmp_path), identity="none")
    with pytest.raises(WeightError, match=r"^m\.safetensors: this mapper was trained for another generator"):
        read_file_upload(other, mapper_content(), "m.safetensors")


def test_photos_are_kept_for_the_session(client: StudioClient) -> None:
    png = client.post("/api/export", json={"state": frame(0)["state"], "what": "png"}).content
    photo = client.upload("/api/photos", png, "C:\\me é.png").json()
    assert photo["name"] == "me é.png" and len(photo["sha256"]) == 64
    small = client.get(f"/api/photos/{photo['sha256']}")
    assert small.headers["content-type"] == "image/jpeg"
    for sha256 in ("0" * 64, "..%2f..%2fetc%2fpasswd", "x"):
        answer = client.get(f"/api/photos/{sha256}")
        assert answer.status_code == 404
        assert_is_one_sentence(sentence_in(answer))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_photos_that_are_none(client: StudioClient, content: bytes) -> None:
    answer = client.upload("/api/photos", content, "me.png")
    assert answer.status_code == 422
    assert_is_one_sentence(sentence_in(answer))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"[" * 100_000])
def test_files_that_restore_nothing(client: StudioClient, content: bytes) -> None:
    answer = client.upload("/api/restore", content, "me.png")
    assert answer.status_code == 422
    assert_is_one_sentence(sentence_in(answer))


def test_uploads_that_are_too_large(client: StudioClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_PHOTO_BYTES", "MAX_FILE_BYTES"):
        monkeypatch.setattr(upload_routes, name, 100)
    for path in ("/api/photos", "/api/files", "/api/restore"):
        answer = client.upload(path, b"x" * 101, "x")
        assert answer.status_code == 413
        assert_is_one_sentence(sentence_in(answer))


def test_a_full_disk_is_told_in_a_sentence(
    client: StudioClient, direction: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", fail)
    answer = client.post("/api/files", content=direction, headers={"x-name": "red.safetensors"})
    assert answer.status_code == 422
    assert sentence_in(answer).startswith("red.safetensors: the studio cannot keep it")
    assert "No space left on device" in sentence_in(answer) and "styleclip-studio-" not in sentence_in(answer)
