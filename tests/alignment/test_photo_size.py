"""Photos are bounded by the memory that decoding takes, not only by their size."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from styleclip.alignment import photo_size
from styleclip.alignment.photos import read_photo
from styleclip.errors import PhotoError


def test_a_photo_that_does_not_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (400, 500)).save(buffer, "PNG")
    assert read_photo(buffer.getvalue()).image.size == (400, 500)
    for free, taken in ((3_199_999, False), (3_200_000, True), (None, True)):
        monkeypatch.setattr(photo_size, "free_bytes", lambda free=free: free)
        if taken:
            read_photo(buffer.getvalue())
            continue
        with pytest.raises(PhotoError, match=r"needs about 0.0 GB of memory to be decoded, 0.0 GB are free; make it"):
            read_photo(buffer.getvalue())


def test_the_free_memory_is_known() -> None:
    free = photo_size.free_bytes()
    assert free is not None and free > 2**20
