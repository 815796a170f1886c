"""Videos in the style of a net: every frame is normalised alike, so that colours do not flicker."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from styleclip.alignment.photo_kinds import OTHER_SUFFIXES, VIDEO
from styleclip.alignment.photo_paths import FoundPhotos, find_photos
from styleclip.alignment.photos import Photo, read_photo
from styleclip.canvases.stylization.style_net import StyleNet
from styleclip.errors import PhotoError
from styleclip.progress import OnStep, Step, ignore
from styleclip.storage.files import atomic_path
from styleclip.weights.file_state import sha256_of

SEEN_FRAMES = 8  # of a video, evenly spaced, whose mean statistics normalise all
MAX_FPS, DEFAULT_FPS = 240.0, 20.0  # the latter where a video has no length
_UNREADABLE = "{} is no video that can be read; save it as MP4"
VIDEO_SUFFIXES = tuple(OTHER_SUFFIXES[VIDEO].split())


def is_video(path: Path | str) -> bool:
    """Whether a file is a video by its name."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES and Path(path).is_file()


def find_pictures(names: Sequence[str]) -> FoundPhotos:
    """The photos and videos that names mean: files, folders and patterns; raises UsageError as `find_photos` does."""
    found = find_photos(names)
    videos = [path for path in found.skipped if is_video(path)]
    skipped = {path: why for path, why in found.skipped.items() if path not in videos}
    return FoundPhotos([*found.photos, *videos], skipped)


def read_picture(path: Path) -> Photo:
    """A photo, or the middle frame of a video; raises PhotoError."""
    if not is_video(path):
        return read_photo(path)
    count, _ = measure_video(path)
    middle = next(itertools.islice(read_frames(path), count // 2, None))
    return replace(read_photo(middle), path=path, sha256=sha256_of(path))


def draw_video(net: StyleNet, video: Path, path: Path, on_step: OnStep = ignore) -> Path:
    """Draw every frame of a video by a net and write them as MP4, without sound.

    `on_step` gets a step per frame. Raises PhotoError for a file that is no video, and OutputError.

    Example:
        draw_video(StyleNet.load("oil/net.safetensors"), Path("walk.mp4"), Path("walk-in-oil.mp4"))
    """
    count, fps = measure_video(video)
    chosen = {round(i * (count - 1) / (SEEN_FRAMES - 1)) for i in range(SEEN_FRAMES)}
    statistics = net.statistics(frame for i, frame in enumerate(read_frames(video)) if i in chosen)
    with atomic_path(path) as temporary, _writer(temporary, fps) as writer:
        for i, frame in enumerate(read_frames(video), start=1):
            styled = np.asarray(net.draw(frame, statistics))
            writer.append_data(np.pad(styled, (*((0, side % 2) for side in styled.shape[:2]), (0, 0)), mode="edge"))
            on_step(Step(i, count))
    return path


def measure_video(path: Path) -> tuple[int, float]:
    """The number of frames of a video and how many a second has; raises PhotoError for a file that has none."""
    from imageio_ffmpeg import count_frames_and_secs

    try:
        count, seconds = count_frames_and_secs(str(path))
    except RuntimeError as error:
        raise PhotoError(_UNREADABLE.format(path)) from error
    if not count:
        raise PhotoError(_UNREADABLE.format(path))
    return count, min(count / seconds, MAX_FPS) if seconds else DEFAULT_FPS


def read_frames(path: Path) -> Iterator[Image.Image]:
    """The frames of a video, decoded by ffmpeg, which sends each as a PPM file; raises PhotoError where it cannot."""
    from imageio_ffmpeg import get_ffmpeg_exe

    output = ("-map", "0:v:0", "-fps_mode", "passthrough", "-f", "image2pipe", "-c:v", "ppm", "-")
    command = (get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-i", f"file:{path}", *output)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            while header := [process.stdout.readline() for _ in range(3)][1]:  # P6, width and height, 255
                width, height = map(int, header.split())
                yield Image.frombytes("RGB", (width, height), process.stdout.read(3 * width * height))
        except ValueError as error:
            raise PhotoError(_UNREADABLE.format(path)) from error
        finally:
            process.kill()


def _writer(path: Path, fps: float) -> Any:
    import imageio.v2 as imageio

    options = {"codec": "libx264", "quality": 8, "macro_block_size": 2, "ffmpeg_log_level": "error"}
    return imageio.get_writer(path, format="FFMPEG", mode="I", fps=fps, **options)
