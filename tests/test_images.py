from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.errors import NumericError, UsageError
from styleclip.images import (
    CELL,
    MAX_RECORD_CHARS,
    enlarge_to,
    from_pil,
    from_uint8,
    png_bytes,
    read_record,
    to_pil,
    to_uint8,
    write_video,
)
from styleclip.sheets import GAP, LABEL_HEIGHT, LABEL_WIDTH, comparison, contact_sheet, labelled_sheet
from tests.helpers.support import decode_video

ALL_BYTES = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(-1, -1, -1, 3)


LABELS = ["short", "a face with red hair and a long beard " * 5, "x" * 200, "l" * 300, "", "käse 顔"]


def solid(colour: str, side: int = 16) -> Image.Image:
    return Image.new("RGB", (side, side), colour)


def test_every_byte_survives_the_round_trip() -> None:
    assert torch.equal(to_uint8(from_uint8(ALL_BYTES)), ALL_BYTES)
    assert torch.equal(from_pil(to_pil(from_uint8(ALL_BYTES))), from_uint8(ALL_BYTES))


@pytest.mark.parametrize(("x", "pixel"), [(-2, 0), (-1, 0), (-0.5, 64), (0, 128), (0.5, 191), (1, 255), (2, 255)])
def test_rounding_is_the_documented_one(x: float, pixel: int) -> None:
    assert to_uint8(torch.full((1, 3, 1, 1), float(x))).unique().tolist() == [pixel]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_is_an_error(value: float) -> None:
    with pytest.raises(NumericError, match="NaN"):
        to_uint8(torch.full((1, 3, 2, 2), value))


@pytest.mark.parametrize(("side", "expected"), [(16, 256), (100, 300), (256, 256), (1024, 1024)])
def test_enlarged_by_a_whole_number(side: int, expected: int) -> None:
    assert enlarge_to(solid("red", side)).size == (expected, expected)


def test_a_sheet_places_every_picture() -> None:
    colours = [["red", "green"], ["blue", "black"]]
    sheet = labelled_sheet([[solid(c) for c in row] for row in colours], ["left", "right"], ["up", "down"])
    left, top, step = 2 * GAP + LABEL_WIDTH, GAP + LABEL_HEIGHT, CELL + GAP
    assert sheet.size == (left + 2 * step, top + 2 * step)
    for r, row in enumerate(colours):
        for c, colour in enumerate(row):
            centre = sheet.getpixel((left + c * step + CELL // 2, top + r * step + CELL // 2))
            assert centre == solid(colour).getpixel((0, 0))


@pytest.mark.filterwarnings("ignore::styleclip.label_fonts.LabelWarning")  # where no font has the letters
@pytest.mark.parametrize("label", LABELS)
def test_labels_stay_off_the_pictures(label: str) -> None:
    sheet = np.asarray(labelled_sheet([[solid("white")] * 2], [label, label], [label]))
    left, top = 2 * GAP + LABEL_WIDTH, GAP + LABEL_HEIGHT
    assert (sheet[top : top + CELL, left:] == 255).all()
    assert (sheet[:, left + CELL : left + CELL + GAP] == 255).all()
    assert (sheet[0] == 255).all()
    assert bool((sheet < 255).any()) == bool(label)


def test_comparison_has_a_row_per_image() -> None:
    one, two = (comparison(torch.zeros(n, 3, 16, 16), torch.ones(n, 3, 16, 16), "after") for n in (1, 2))
    assert two.height - one.height == CELL + GAP


def test_contact_sheet_wraps() -> None:
    sheet = contact_sheet([solid("red")] * 5, list("abcde"), columns=2)
    assert sheet.size == (GAP + 2 * (CELL + GAP), 3 * (2 * GAP + LABEL_HEIGHT + CELL))


def test_a_png_carries_its_record(tmp_path: Path) -> None:
    record = {"prompt": "ein Gesicht mit rotem Haar, 赤い髪", "lr": 0.1, "scores": [{"identity": 0.5}]}
    path = tmp_path / "a.png"
    path.write_bytes(png_bytes(solid("red"), record))
    assert read_record(path) == record


def png_with_text(text: bytes, key: bytes = b"styleclip") -> bytes:
    """A PNG whose iTXt chunk holds these bytes, compressed (PNG specification, section 11.3.4.5)."""
    png = png_bytes(solid("red"))
    body = b"iTXt" + key + b"\0\1\0\0\0" + zlib.compress(text)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    header = 8 + 25  # the signature and IHDR
    return png[:header] + chunk + png[header:]


WITHOUT_RECORD = {
    "nothing": b"",
    "text": b"text",
    "bare": png_bytes(solid("red")),
    "cut off": png_bytes(solid("red"), {"seed": 3})[:60],
    "no JSON": png_with_text(b"{"),
    "no object": png_with_text(b"[[1, 2]]"),
    "deep": png_with_text(b'{"a":' * 100_000),
    "digits": png_with_text(b'{"a": ' + b"9" * 10_000 + b"}"),
    "long": png_with_text(b'{"a": "' + b"a" * MAX_RECORD_CHARS + b'"}'),
    "a bomb": png_with_text(bytes(2**24 + 1)),
    "no UTF-8": png_with_text(b"\xff\xfe"),
}


def test_the_record_of_bytes() -> None:
    assert read_record(png_bytes(solid("red"), {"seed": 3})) == {"seed": 3}
    assert read_record(png_with_text(b'{"seed": 4}')) == {"seed": 4}


@pytest.mark.parametrize("content", WITHOUT_RECORD.values(), ids=WITHOUT_RECORD)
def test_no_record_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for png, name in ((path, str(path)), (content, "the picture")):
        with pytest.raises(UsageError, match=f"{name} carries no styleclip record; pass a PNG"):
            read_record(png)


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
@pytest.mark.parametrize("side", [64, 257])
def test_a_video_shows_its_frames(tmp_path: Path, suffix: str, side: int) -> None:
    path = write_video([solid(colour, side) for colour in ("red", "green", "blue")], tmp_path / f"a{suffix}")
    assert [int(frame[8, 8].argmax()) for frame in decode_video(path)] == [0, 1, 2]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_video_has_a_video_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"end it with \.mp4 or \.gif"):
        write_video([solid("red")], tmp_path / "a.avi")
