"""Photos of known faces, and detectors that remember what they saw."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from styleclip.alignment.detectors import DETECTORS, DetectorEntry
from styleclip.alignment.framing import FFHQ, Landmarks
from styleclip.inversion.invert import Invert

HERE = Path(__file__).parents[1]
ASTRONAUT = HERE / "data" / "astronaut.webp"
GOLDEN = np.load(HERE / "golden" / "ffhq_align.npz")
LANDMARKS = Landmarks.from_68(GOLDEN["landmarks"])
QUAD = FFHQ.quad(LANDMARKS)  # 163 px wide, in the middle of the photo's upper half


def astronaut() -> Image.Image:
    with Image.open(ASTRONAUT) as picture:
        return picture.convert("RGB")


def pixel_difference(one: Image.Image, two: Image.Image) -> np.ndarray:
    return np.abs(np.asarray(one).astype(int) - np.asarray(two))


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
STORED = {  # what a camera does to the upright picture, by EXIF orientation (EXIF 2.32, section 4.6.4)
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def stored_turned(picture: Image.Image, orientation: int) -> tuple[Image.Image, Image.Exif]:
    """The pixels and the EXIF that a camera held in this orientation writes for an upright picture."""
    turn, exif = STORED[orientation], Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return picture if turn is None else picture.transpose(turn), exif


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and is cut off there."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I", 99)
        + b"IDAT"
    )


@pytest.fixture(autouse=True)
def cached_mtcnn(monkeypatch: pytest.MonkeyPatch) -> None:
    """MTCNN with a memory: detection is most of what tests of inversions would cost."""
    remember_faces(monkeypatch)


def remember_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give MTCNN a memory of the pictures that it saw."""
    entry = DetectorEntry("tests.helpers.remembering_mtcnn", row="faces")
    monkeypatch.setitem(DETECTORS, "mtcnn", entry)


def write_two_faces(path: Path) -> Path:
    """The astronaut twice, tiny and large, so that `largest` is the second from the left."""
    photo = Image.new("RGB", (1000, 512), (90, 110, 130))
    photo.paste(astronaut().resize((400, 400)), (0, 100))
    photo.paste(astronaut(), (450, 0))
    photo.save(path)
    return path


def write_photo_folder(folder: Path) -> Path:
    """Two photos, one of them with two faces, and a broken one."""
    folder.mkdir()
    astronaut().save(folder / "alone.webp", lossless=True)
    (folder / "broken.png").write_bytes(b"no picture")
    write_two_faces(folder / "two.png")
    return folder


def file_names(folder: str | Path) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def read_rgb(path: str | Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def interrupt_inversion(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Ctrl-C in the inversion that follows so many."""
    invert, counts = Invert.invert, iter(range(99))

    def pressed(*arguments: Any) -> Any:
        if next(counts) == after:
            raise KeyboardInterrupt
        return invert(*arguments)

    monkeypatch.setattr(Invert, "invert", pressed)
