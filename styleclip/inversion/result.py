"""The result of an inversion and the files it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from styleclip.alignment.align import Aligned
from styleclip.alignment.paste import Piece
from styleclip.files import atomic_write, output_folder, to_json
from styleclip.images import png_bytes, to_pil
from styleclip.inversion.generator_delta import GeneratorDelta, save_tuning
from styleclip.latents import Latent, save_latent
from styleclip.models import Models
from styleclip.sheets import labelled_sheet

LATENT_FILE = "latent.safetensors"
INVERSION_FILES = ("aligned.png", "reconstruction.png", "comparison.png", "latent*.safetensors", "result.json")


@dataclass(frozen=True, eq=False)
class StageResult:
    """One stage of an inversion: what is drawn after it, how near that is (`likeness.scores`), and its seconds."""

    name: str  # encoder or average, refine, tune
    image: Tensor  # [1, 3, R, R], nominally in [-1, 1]
    settings: dict[str, Any]
    scores: dict[str, float]
    seconds: float


@dataclass(frozen=True, eq=False)
class Inversion:
    """A picture as a latent. `models` draw it: with a tuned copy of the generator where there is a `tuning`."""

    aligned: Aligned  # the photo, the frame, and where it lies in the photo
    target: Tensor  # [1, 3, R, R] in [-1, 1]: the frame at the generator's resolution
    latent: Latent  # one in W+
    stages: Sequence[StageResult]
    models: Models
    tuning: GeneratorDelta | None
    provenance: dict[str, Any]

    @property
    def image(self) -> Tensor:
        """[1, 3, R, R], nominally in [-1, 1]: what the latent draws."""
        return self.stages[-1].image

    @property
    def scores(self) -> dict[str, float]:
        """Of the last stage: l1, l2, and where there are the networks lpips and identity."""
        return self.stages[-1].scores

    def piece(self, edited: Tensor) -> Piece | None:
        """An edit [1, 3, R, R] of the picture, to be pasted into the photo; None for a photo that is all frame."""
        if self.aligned.quad is None:
            return None
        face, [after, before] = self.aligned.face, [to_pil(each)[0] for each in (edited, self.image)]
        places = face.landmarks.within(self.aligned.quad) if face else None
        return Piece(after, self.aligned.quad, places, before)

    def record(self) -> dict[str, Any]:
        """What `result.json` holds; of every stage also the gain, by which share its error is below the one before."""
        aligned = self.aligned
        return {
            "photo": aligned.photo.path and aligned.photo.path.resolve(),
            "note": aligned.note,
            "quad": None if aligned.quad is None else aligned.quad.tolist(),
            "scores": _round_scores(self.scores),
            "stages": [
                {
                    "name": stage.name,
                    "scores": _round_scores(stage.scores),
                    "gain": round(1 - stage.scores["l2"] / max(before.scores["l2"], 1e-12), 4),
                    "seconds": round(stage.seconds, 3),
                    "settings": stage.settings,
                }
                for before, stage in zip([self.stages[0], *self.stages], self.stages, strict=False)
            ],
            "provenance": self.provenance,
        }

    def save(self, folder: Path | str, overwrite: bool = False) -> list[Path]:
        """Write aligned.png, reconstruction.png, comparison.png, latent.safetensors, its tuning, and result.json.

        `result.json` comes last, so where it is, all is. Raises OutputError, also when `folder` holds results and not
        `overwrite`.
        """
        folder = output_folder(Path(folder), INVERSION_FILES, overwrite)
        record = self.record()
        pictures = {
            "aligned.png": self.aligned.frame,
            "reconstruction.png": to_pil(self.image)[0],
            "comparison.png": self._comparison_sheet(),
        }
        paths = [atomic_write(folder / name, png_bytes(each, record)) for name, each in pictures.items()]
        paths.append(save_latent(self.latent, folder / LATENT_FILE, self.tuning.sha256 if self.tuning else None))
        if self.tuning is not None:
            paths.append(save_tuning(self.tuning, tuning_path(folder / LATENT_FILE)))
        paths.append(atomic_write(folder / "result.json", to_json(record).encode()))
        return paths

    def _comparison_sheet(self) -> Image.Image:
        """The frame and what every stage made of it, of one size."""
        frame, labels = self.aligned.frame, ["photo", *(stage.name for stage in self.stages)]
        drawn = [to_pil(stage.image)[0].resize(frame.size, Image.Resampling.BICUBIC) for stage in self.stages]
        return labelled_sheet([[frame, *drawn]], labels, cell=min(frame.size))


def tuning_path(latent: Path) -> Path:
    """Where the tuning of a latent in a file lies: beside it, as latent.tuning.safetensors."""
    return latent.with_suffix(f".tuning{latent.suffix}")


def _round_scores(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in scores.items()}
