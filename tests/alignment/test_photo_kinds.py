"""Kinds of files that people keep among photos: raw files, drawings, videos, and pictures under any name."""

from __future__ import annotations

import io
import os
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from styleclip.alignment.photo_kinds import OTHER_SUFFIXES, PHOTO_SUFFIXES, RAW, UNSUPPORTED_SUFFIXES
from styleclip.alignment.photo_paths import find_photos
from styleclip.alignment.photos import read_photo
from styleclip.errors import PhotoError, UsageError
from tests.helpers.pictures import SIZE, noise, pixels, save
from tests.helpers.support import assert_is_one_sentence


def encode(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    noise().save(buffer, kind, **options)
    return buffer.getvalue()


def psd(version: int = 1) -> bytes:
    """The picture as a Photoshop file without layers (Adobe Photoshop File Formats Specification, 2019)."""
    planes = np.asarray(noise()).transpose(2, 0, 1).tobytes()
    header = b"8BPS" + struct.pack(">H6xHIIHH", version, 3, SIZE[1], SIZE[0], 8, 3)
    return header + bytes(12) + bytes(2) + planes


RAW_HEADS = {
    "Canon CR2": b"II*\0\x10\0\0\0CR\2\0",
    "Canon CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "Fuji": b"FUJIFILMCCD-RAW 0201",
    "Olympus": b"IIRO\x08\0\0\0",
    "Panasonic": b"IIU\0\x18\0\0\0",
    "Sigma": b"FOVb\0\0",
}
OTHER_HEADS = {
    "a video": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
    "a PDF document": b"%PDF-1.4 ...",
    "an SVG drawing": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a PostScript file": b"%!PS-Adobe-3.0",
}


@pytest.mark.parametrize("suffix", [s for all in UNSUPPORTED_SUFFIXES.values() for s in all.split()])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_pictures_that_do_not_open_are_told(tmp_path: Path, suffix: str, case: Any) -> None:
    path = tmp_path / case(f"a{suffix}")
    path.write_bytes(b"II*\0" + bytes(99))
    assert find_photos([str(tmp_path)]).photos == [path]
    with pytest.raises(PhotoError, match="save it as JPEG or PNG") as caught:
        read_photo(path)
    assert_is_one_sentence(str(caught.value))


@pytest.mark.parametrize("head", RAW_HEADS.values(), ids=RAW_HEADS.keys())
def test_raw_files_are_known_under_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    (tmp_path / "IMG_1234").write_bytes(head + bytes(99))
    [path] = find_photos([str(tmp_path)]).photos
    with pytest.raises(PhotoError, match="is a camera raw file; run `pip install rawpy` or save it as JPEG"):
        read_photo(path)


def test_the_thumbnail_of_a_raw_file_is_not_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    for name, tags in {"reduced copy": {254: 1}, "DNG": {50706: b"\1\4\0\0"}}.items():
        path = save(tmp_path, noise(), f"{name}.tif", tiffinfo=tags)
        with pytest.raises(PhotoError, match="is a camera raw file"):
            read_photo(path)


class LibRawError(Exception):
    """Of a stand-in for rawpy, which is no part of the test environment."""


def fake_rawpy(developed: np.ndarray | None) -> types.ModuleType:
    module = types.ModuleType("rawpy")

    class Raw:
        sizes = types.SimpleNamespace(width=SIZE[0], height=SIZE[1])

        def __init__(self, file: Any) -> None:
            assert file.read(2) == b"II"
            if developed is None:
                raise LibRawError

        def __enter__(self) -> Raw:
            return self

        def __exit__(self, *_: object) -> None: ...

        def postprocess(self, use_camera_wb: bool) -> np.ndarray | None:
            return developed

    module.imread, module.LibRawError = Raw, LibRawError  # type: ignore[attr-defined]
    return module


def test_rawpy_develops_raw_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.NEF"
    path.write_bytes(b"II*\0" + bytes(99))
    monkeypatch.setitem(sys.modules, "rawpy", fake_rawpy(np.asarray(noise())))
    assert (pixels(read_photo(path).image) == pixels(noise())).all()
    monkeypatch.setitem(sys.modules, "rawpy", fake_rawpy(None))
    with pytest.raises(PhotoError, match="a camera raw file that cannot be read"):
        read_photo(path)


@pytest.mark.parametrize("ending", [b"MiHB" + bytes(4) + b"mif1heic", b"vend" + bytes(4) + b"isommif1"])
def test_heic_of_a_vendor_is_no_video(tmp_path: Path, ending: bytes) -> None:
    (tmp_path / "IMG_1").write_bytes(b"\0\0\0\x18ftyp" + ending + bytes(99))
    [path] = find_photos([str(tmp_path)]).photos
    with pytest.raises(PhotoError, match="is damaged or cut off"):
        read_photo(path)


def test_jpeg_xl_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    for number, head in enumerate((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        (tmp_path / f"IMG_{number}").write_bytes(head + bytes(99))
    for path in find_photos([str(tmp_path)]).photos:
        with pytest.raises(PhotoError, match="is a JPEG XL picture; run `pip install pillow-jxl-plugin`"):
            read_photo(path)


def test_photoshop(tmp_path: Path) -> None:
    for name in ("a.psd", "b.jpg", "c"):
        (tmp_path / name).write_bytes(psd())
        assert (pixels(read_photo(tmp_path / name).image) == pixels(noise())).all()
    assert len(find_photos([str(tmp_path)]).photos) == 3
    (tmp_path / "large").write_bytes(psd(version=2))
    with pytest.raises(PhotoError, match="a large Photoshop file; save it as JPEG or PNG"):
        read_photo(tmp_path / "large")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF"])
@pytest.mark.parametrize("name", ["IMG_1234", "IMG.jpg_large", "IMG.bin", "IMG.MOV", "IMG.CR2"])
def test_a_picture_is_known_by_its_content(tmp_path: Path, kind: str, name: str) -> None:
    """Under no suffix, an unknown one, or that of something else."""
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    (tmp_path / name).write_bytes(encode(kind))
    assert find_photos([str(tmp_path)]).photos == [tmp_path / name]
    assert read_photo(tmp_path / name).image.size == SIZE


@pytest.mark.parametrize("pattern", ["", "/*"])
def test_what_is_no_photo_is_skipped_aloud(tmp_path: Path, pattern: str) -> None:
    save(tmp_path, noise())
    for kind, suffixes in OTHER_SUFFIXES.items():
        for suffix in suffixes.split():
            (tmp_path / f"b{suffix.upper()}").write_bytes(OTHER_HEADS[kind])
        (tmp_path / kind).write_bytes(OTHER_HEADS[kind])
    for name in ("notes.txt", "IMG.AAE", "Thumbs.db", "page.html", "me.xmp"):
        (tmp_path / name).write_bytes(b"<?xml version='1.0'?>")
    found = find_photos([str(tmp_path) + pattern])
    assert found.photos == [tmp_path / "a.png"]
    assert {path.name for path in found.skipped} == {
        *(f"b{suffix.upper()}" for all in OTHER_SUFFIXES.values() for suffix in all.split()),
        *OTHER_SUFFIXES,
    }
    assert found.skipped[tmp_path / "b.MOV"] == "is a video; save one frame of it as JPEG or PNG"
    (tmp_path / "a.png").unlink()
    with pytest.raises(UsageError, match=r"there is no picture .*is a ") as caught:
        find_photos([str(tmp_path)])
    assert_is_one_sentence(str(caught.value))


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("gone.jpg")
    os.mkfifo(tmp_path / "pipe")
    [path] = find_photos([str(tmp_path)]).photos
    with pytest.raises(PhotoError, match="there is no file"):
        read_photo(path)


def test_tables_name_each_suffix_once() -> None:
    listed = [s for table in (UNSUPPORTED_SUFFIXES, OTHER_SUFFIXES) for all in table.values() for s in all.split()]
    assert len({*listed, *PHOTO_SUFFIXES}) == len(listed) + len(PHOTO_SUFFIXES)
    assert {".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"} <= set(UNSUPPORTED_SUFFIXES[RAW].split())
