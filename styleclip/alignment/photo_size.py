"""The limits of a photo's size."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

from styleclip.errors import PhotoError

MAX_MEGAPIXELS = 200
BYTES_PER_PX = 16  # of memory while a photo is read: decoded, turned, in RGB, and its alpha
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
    needed, free = width * height * BYTES_PER_PX, free_bytes()
    if free is not None and needed > free:
        sizes = f"{needed / 1e9:.1f} GB of memory to be decoded, {free / 1e9:.1f} GB are free"
        raise PhotoError(f"{name} needs about {sizes}; make it smaller, or close other programs")


def free_bytes() -> int | None:
    """The memory that this process may still take, by the system and by `ulimit -v`; None where neither is known."""
    found: list[int] = []
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        found.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]))
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        with suppress(OSError, ValueError):
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
            found.append(max(0, limit - pages * resource.getpagesize()))
    return min(found, default=None)
