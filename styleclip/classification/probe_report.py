"""The files of a linear probe: its measures, and what it and zero-shot classification say of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleclip.classification.probe import Probe
from styleclip.classification.zero_shot import Scores
from styleclip.images import png_bytes
from styleclip.sheets import join_sheets
from styleclip.storage.files import atomic_write, to_json, versions
from styleclip.storage.recording import DEFAULT_RECORDING, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

PROBE_FILES = ("result.json", "scores.png")


@dataclass(frozen=True)
class ProbeReport:
    """A probe, and the probabilities of pictures by the probe and by zero-shot classification, where there are any."""

    probe: Probe
    by_probe: Scores | None = None
    by_texts: Scores | None = None

    def record(self) -> dict[str, Any]:
        """The content of result.json."""
        record: dict[str, Any] = {
            "command": "score",
            "clip": self.probe.clip.name,
            "templates": self.probe.templates,
            "probe": self.probe.record(),
            "versions": versions(),
        }
        if self.by_probe is None or self.by_texts is None:
            return record
        learned, told = (each.record() for each in (self.by_probe, self.by_texts))
        pictures = [
            {
                "picture": a["picture"],
                "probe": {"prediction": a["prediction"], "probabilities": a["probabilities"]},
                "zero_shot": {"prediction": b["prediction"], "probabilities": b["probabilities"]},
            }
            for a, b in zip(learned["pictures"], told["pictures"], strict=True)
        ]
        return record | {"pictures": pictures, **self.by_probe.pictures.failed_record()}

    def save(self, folder: Path | str, overwrite: bool = False, recording: Recording = DEFAULT_RECORDING) -> list[Path]:
        """Write result.json and, where there are pictures, scores.png: the probe left, zero-shot right."""
        with ResultFolder(Path(folder), PROBE_FILES, overwrite) as output:
            paths = []
            if self.by_probe is not None and self.by_texts is not None:
                sheet = join_sheets([self.by_probe.sheet("linear probe"), self.by_texts.sheet("zero-shot")])
                about = {"command": "score", "clip": self.probe.clip.name}
                paths.append(
                    atomic_write(
                        output.place / "scores.png", png_bytes(sheet, recording.of_picture(about, "scores.png"))
                    )
                )
            text = to_json(recording.of_json(self.record(), Path(folder)))
            paths.append(atomic_write(output.place / "result.json", text.encode()))
        return [final_path(path) for path in paths]
