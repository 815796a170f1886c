from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from styleclip.errors import OutputError, UsageError
from styleclip.images import pixels_sha256, read_record
from styleclip.latents import Latent, Space
from styleclip.runtime.devices import pick_device, pick_dtype
from styleclip.storage.files import atomic_path, atomic_write, output_folder, to_json, versions
from tests.helpers.support import edit_result


def full_disk(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_atomic_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    for content in (b"long content", b"short"):
        assert atomic_write(path, content).read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = atomic_write(tmp_path / "a.txt", b"old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OutputError, match=r"the disk is full; free some space"):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_writer_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a part of the path is a file"):
        atomic_write(tmp_path / "file" / "folder" / "a.txt", b"")
    with pytest.raises(OutputError, match="a file of that name is in the way"):
        output_folder(tmp_path / "file", [])


def test_json_is_strict_and_total() -> None:
    value = {"nan": float("nan"), "space": Space.W_PLUS, "path": Path("a"), "dtype": torch.float32, "seeds": (1, 2)}
    plain = {"nan": None, "space": "w+", "path": "a", "dtype": "torch.float32", "seeds": [1, 2]}
    assert json.loads(to_json(value)) == plain


def test_versions_name_the_packages() -> None:
    assert {"styleclip", "python", "torch", "open_clip_torch"} <= versions().keys()
    assert "absent" not in versions().values()


def test_a_single_result(tmp_path: Path) -> None:
    result = edit_result()
    paths = result.save(tmp_path / "out")
    names = {"before.png", "after.png", "comparison.png", "latent.safetensors", "source.safetensors", "result.json"}
    assert {path.name for path in paths} == names == {path.name for path in (tmp_path / "out").iterdir()}
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    hashes = record.pop("pictures")
    assert record == result.record()
    for name in ("before.png", "after.png", "comparison.png"):
        assert read_record(tmp_path / "out" / name) == {**record, "picture": name}
        with Image.open(tmp_path / "out" / name) as picture:
            assert hashes.pop(name) == pixels_sha256(picture)
    assert not hashes


def test_a_batch_is_numbered(tmp_path: Path) -> None:
    names = {path.name for path in edit_result(count=2).save(tmp_path)}
    assert {"000_before.png", "000_after.png", "001_before.png", "001_after.png", "comparison.png"} < names


@pytest.mark.parametrize("count", [1, 2])
def test_latents_come_back(tmp_path: Path, count: int) -> None:
    result = edit_result(count)
    result.save(tmp_path)
    for name, saved in (("latent", result.edited), ("source", result.source)):
        latent = Latent.load(tmp_path / f"{name}.safetensors")
        assert latent.space is saved.space
        assert torch.equal(latent.data, saved.data)


def test_results_are_not_overwritten_unasked(tmp_path: Path) -> None:
    edit_result().save(tmp_path)
    with pytest.raises(OutputError, match=rf"{tmp_path} already holds results.*--overwrite"):
        edit_result(count=2).save(tmp_path)
    edit_result(prompt="another").save(tmp_path, overwrite=True)
    assert json.loads((tmp_path / "result.json").read_text())["prompt"] == "another"


def test_devices() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_dtype("auto", torch.device("cpu")) is torch.float32


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta", "", "cpu:x"])
def test_no_such_device(name: str) -> None:
    with pytest.raises(UsageError, match="use|has"):
        pick_device(name)


def test_no_such_precision() -> None:
    with pytest.raises(UsageError, match="float32"):
        pick_dtype("float8", torch.device("cpu"))
