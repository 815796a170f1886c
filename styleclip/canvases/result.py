"""The result of optimizing a canvas, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL.Image import Image

from styleclip.images import pixels_sha256, png_bytes
from styleclip.interrupts import defer_interrupts
from styleclip.networks.machine import machine_record
from styleclip.storage.files import atomic_write, to_json, versions
from styleclip.storage.recording import DEFAULT_RECORDING, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

RECORD = "result.json"


@dataclass
class CanvasResult:
    """Pictures and documents, and the record to make them again.

    Args:
        method: the command that makes it, e.g. "sketch".
        settings: every setting with its value, the texts among them.
        pictures: PNG files by name, e.g. "sketch.png".
        documents: the content of other files by name, e.g. "sketch.svg".
        scores: what was measured.
        provenance: the networks, the input and their hashes; `versions` are added.
        steps: the steps that were done.
        stopped: why it ended before its last step; "" where it did not.

    Example:
        result = styleclip.draw("a smiling face", clip)
        result.save("drawing")
    """

    method: str
    settings: Mapping[str, Any]
    pictures: Mapping[str, Image]
    documents: Mapping[str, bytes] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    steps: int = 0
    interrupted: bool = False
    stopped: str = ""

    def record(self) -> dict[str, Any]:
        """The content of `result.json`. A file is named by an `InputFile`."""
        return {
            "method": self.method,
            "settings": dict(self.settings),
            "scores": dict(self.scores),
            "steps": self.steps,
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
            **({"stopped": self.stopped} if self.stopped else {}),
            "provenance": {"versions": versions(), "machine": machine_record(), **self.provenance},
        }

    @defer_interrupts()
    def save(
        self,
        folder: Path | str,
        patterns: Sequence[str] = (),
        overwrite: bool = False,
        recording: Recording = DEFAULT_RECORDING,
        source: Path | None = None,
    ) -> list[Path]:
        """Write all files into a folder, result.json last; PNGs carry the record, unless `recording` leaves it out.

        `patterns` are the names that the files of any such result may have, which `overwrite` replaces, besides
        those of this one. `source` is the file that the result was made from. Raises OutputError where a file cannot be
        written, and for a folder with an earlier result unless `overwrite`.
        """
        record, folder = self.record(), Path(folder)
        names = [*self.pictures, *self.documents, RECORD]
        with ResultFolder(folder, [*patterns, *names], overwrite, source=source) as output:
            paths = [
                atomic_write(output.place / name, png_bytes(image, recording.of_picture(record, name)))
                for name, image in self.pictures.items()
            ]
            paths += [atomic_write(output.place / name, content) for name, content in self.documents.items()]
            hashes = {name: pixels_sha256(image) for name, image in self.pictures.items()}
            told = recording.of_json(record, folder, hashes)
            paths.append(atomic_write(output.place / RECORD, to_json(told).encode()))
        return [final_path(path) for path in paths]
