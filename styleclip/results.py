"""The result of an edit and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL.Image import Image
from torch import Tensor

from styleclip.images import pixels_sha256, png_bytes, to_pil
from styleclip.interrupts import defer_interrupts
from styleclip.latents import TUNED, Latent, save_latent
from styleclip.regions import Region
from styleclip.sheets import comparison
from styleclip.storage.files import atomic_write, to_json
from styleclip.storage.recording import DEFAULT_RECORDING, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

SHOWN = 0.5  # an image shows a claim that is at least this probable
RESULT_FILES = (
    "result.json",
    *("before.png", "[0-9][0-9][0-9]_before.png", "[0-9][0-9][0-9][0-9]_before.png"),
    *("after.png", "[0-9][0-9][0-9]_after.png", "[0-9][0-9][0-9][0-9]_after.png"),
    "comparison.png",
    "latent.safetensors",
    "source.safetensors",
)
FRAMES = "frames/[0-9][0-9][0-9][0-9][0-9].png"
COMPANIONS = (  # of a result, that commands write beside it
    *("latent.tuning.safetensors", FRAMES, "video.mp4", "video.gif", "grid.png", "sweep.mp4", "sweep.gif"),
    *("channels.png", "channels.json", "children.png"),
)


@dataclass
class EditResult:
    """Images and latents before and after an edit, its scores, and the record to run it again.

    `details` has the values that the methods found, one mapping per edit, such as the `alpha` of every image for a
    `StyleDirection`; empty for methods without. `steps` are the latents with the first of several edits that add up,
    with the first two, ..., with all. `unchanged` says, for a method that minimises a loss, of which images it kept the
    source. Outside of the `region`, where there is one, `after` is `before`; `edited` draws the whole edit.
    """

    prompt: str
    neutral: str | tuple[str, ...] | None
    method: str
    settings: dict[str, Any]
    before: Tensor  # [N, img_channels, H, W] in [-1, 1]
    after: Tensor  # [N, img_channels, H, W] in [-1, 1]
    source: Latent
    edited: Latent
    scores: list[dict[str, float]]  # of each image: clip_before, clip_after, identity
    seconds: float
    provenance: dict[str, Any]  # versions, hashes of the weights, seeds, names of the models
    interrupted: bool = False
    details: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[Latent] = ()
    unchanged: Sequence[bool] = ()
    region: Region | None = None
    force: bool = False  # of the prompt

    def record(self) -> dict[str, Any]:
        """The content of `result.json`: everything but images and latents. A file is named by an `InputFile`."""
        return {
            "prompt": self.prompt,
            "neutral": self.neutral,
            **({"force": True} if self.force else {}),
            "method": self.method,
            "settings": self.settings,
            "scores": self.scores,
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
            "provenance": {**self.provenance, **({"directions": self.details} if self.details else {})},
        }

    def explanation(self) -> list[str]:
        """How the prompts were understood: a line for each claim, where the method reads claims."""
        return [claim["understood"] for details in self.details for claim in details.get("claims", ())]

    def notes(self, names: Sequence[str] = ()) -> list[str]:
        """A line for the images, by these names, that showed a prompt before the edit; another for those unchanged."""
        lines = []
        for details in self.details:
            shown = [i for i, value in enumerate(details.get("shown", ())) if value >= SHOWN]
            if shown:
                lines.append(f"{_named(shown, names)}: shows {details.get('target', self.prompt)!r} already")
        if kept := [i for i, same in enumerate(self.unchanged) if same]:
            lines.append(f"{_named(kept, names)}: no step was better than the source, which is kept as it is")
        return lines

    @defer_interrupts()
    def save(self, folder: Path | str, overwrite: bool = False, recording: Recording = DEFAULT_RECORDING) -> list[Path]:
        """Write before.png, after.png, comparison.png, latent.safetensors, source.safetensors and result.json.

        A batch numbers its pictures 000_before.png, 000_after.png, ...; every PNG carries the record, unless
        `recording` leaves it out. `result.json` is written last, so where it exists the others do. `overwrite` replaces
        an earlier result as a whole, and no other files. Raises OutputError where a file cannot be written, and for a
        folder with earlier results unless `overwrite`.
        """
        with ResultFolder(Path(folder), RESULT_FILES, overwrite, COMPANIONS) as output:
            paths = self._write(output.place, recording)
        return [final_path(path) for path in paths]

    def _write(self, folder: Path, recording: Recording) -> list[Path]:
        record, pictures = self.record(), self.pictures()
        paths = [
            atomic_write(folder / name, png_bytes(image, recording.of_picture(record, name)))
            for name, image in pictures.items()
        ]
        for name, latent in (("latent", self.edited), ("source", self.source)):
            paths.append(save_latent(latent, folder / f"{name}.safetensors", self.provenance.get(TUNED)))
        hashes = {name: pixels_sha256(image) for name, image in pictures.items()}
        told = recording.of_json(record, folder, hashes)
        paths.append(atomic_write(folder / "result.json", to_json(told).encode()))
        return paths

    def pictures(self) -> dict[str, Image]:
        """The pictures of `save` by the names of their files."""
        count = len(self.before)
        pictures: dict[str, Image] = {}
        pairs = zip(to_pil(self.before, keep_channels=True), to_pil(self.after, keep_channels=True), strict=True)
        for i, (before, after) in enumerate(pairs):
            prefix = f"{i:03d}_" if count > 1 else ""
            pictures |= {f"{prefix}before.png": before, f"{prefix}after.png": after}
        row_labels = [f"{i:03d}" for i in range(count)] if count > 1 else []
        pictures["comparison.png"] = comparison(self.before, self.after, self.prompt, row_labels)
        return pictures


def _named(images: Sequence[int], names: Sequence[str]) -> str:
    """The names of these images, in one line."""
    return ", ".join(names[i] if i < len(names) else f"image {i}" for i in images)
