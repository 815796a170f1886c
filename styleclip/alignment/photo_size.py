"""The limits of a photo's size."""

from __future__ import annotations

from styleclip.errors import PhotoError

MAX_MEGAPIXELS = 200
MIN_SIDE_PX = 32  # a face in a smaller picture cannot be found


def check_size(size: tuple[int, int], name: str) -> None:
    """Raise PhotoError for a picture that is too large or too small to work with."""
    width, height = size
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        megapixels = width * height / 1e6
        raise PhotoError(f"{name} has {megapixels:.0f} megapixels; make it smaller than {MAX_MEGAPIXELS} megapixels")
    if min(width, height) < MIN_SIDE_PX:
        remedy = f"pass a picture of {MIN_SIDE_PX} px or more on each side"
        raise PhotoError(f"{name} is only {width} x {height} px; {remedy}")
