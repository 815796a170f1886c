"""The result of an inversion and its files."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from styleclip.alignment.align import Aligned
from styleclip.alignment.paste import Piece
from styleclip.errors import WeightWarning
from styleclip.images import pixels_sha256, png_bytes, to_pil
from styleclip.interrupts import defer_interrupts
from styleclip.inversion.generator_delta import GeneratorDelta, load_tuning, save_tuning
from styleclip.latents import Latent, save_latent, tuning_hash
from styleclip.models import Models
from styleclip.regions import Region
from styleclip.sheets import labelled_sheet
from styleclip.storage.files import atomic_write, to_json
from styleclip.storage.recording import DEFAULT_RECORDING, InputFile, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

LATENT_FILE = "latent.safetensors"
INVERSION_FILES = (
    *("aligned.png", "reconstruction.png", "comparison.png", "latent.safetensors", "latent.tuning.safetensors"),
    "result.json",
)


@dataclass(frozen=True, eq=False)
class StageResult:
    """One stage of an inversion.

    Args:
        name: encoder or average, refine, tune.
        image: the picture [1, img_channels, H, W] after it, nominally in [-1, 1].
        settings: of `Refine` or `PivotalTuning`.
        scores: the distances of the picture from the target (`losses.reconstruction_scores`).
        seconds: the time it took.
    """

    name: str
    image: Tensor
    settings: dict[str, Any]
    scores: dict[str, float]
    seconds: float


@dataclass(frozen=True, eq=False)
class Inversion:
    """A face as a latent.

    Args:
        aligned: the photo, the frame, and the quad of the frame in the photo.
        target: the frame [1, 3, H, W] in [-1, 1] at the generator's size.
        latent: one latent in W+.
        stages: the stages that found it, in their order.
        models: the models that draw it; where there is a `tuning`, with the tuned generator.
        tuning: the change of the generator, or None.
        provenance: the versions and the files it was made with.
        alignment: how the face was chosen and found, for the record.

    Example:
        inversion = editor.invert("me.jpg", Invert(Refine(steps=50)))
        result = Editor(inversion.models).edit(inversion.latent, "a smiling face", GlobalDirection())
    """

    aligned: Aligned
    target: Tensor
    latent: Latent
    stages: Sequence[StageResult]
    models: Models
    tuning: GeneratorDelta | None
    provenance: dict[str, Any]
    alignment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def image(self) -> Tensor:
        """The picture [1, img_channels, H, W] of the latent, nominally in [-1, 1]; of a child that of its parent."""
        return self.stages[-1].image

    @property
    def scores(self) -> dict[str, float]:
        """The scores of the last stage: l1, l2, and lpips and identity where the models have the networks."""
        return self.stages[-1].scores

    def __deepcopy__(self, memo: dict[int, Any]) -> Inversion:
        """A copy that shares the models, which are frozen and may take gigabytes."""
        memo[id(self.models)] = self.models
        return replace(self, **{each.name: copy.deepcopy(getattr(self, each.name), memo) for each in fields(self)})

    def piece(self, edited: Tensor, region: Region | None = None) -> Piece | None:
        """An edit [1, img_channels, H, W], ready to be pasted into the photo; None where there is no place for it.

        That is so where the frame is the photo, and for models that move their pictures (`Models.transform`).
        Outside of the `region`, which lies in the frame, the photo keeps its pixels.
        """
        return self.piece_of(to_pil(edited)[0], region)

    def piece_of(self, edited: Image.Image, region: Region | None = None) -> Piece | None:
        """The same of a picture of the edit."""
        face, quad = self.aligned.face, self.aligned.quad
        if quad is None or self.models.transform is not None:
            return None
        landmarks = face.landmarks.in_crop(quad) if face else None
        return Piece(edited, quad, landmarks, to_pil(self.image)[0], None if region is None else region.weights.numpy())

    def record(self) -> dict[str, Any]:
        """The record for `result.json`; the gain of a stage is the fraction by which it lowers l2."""
        aligned = self.aligned
        return {
            "photo": aligned.photo.path and InputFile(aligned.photo.path),
            "photo_sha256": aligned.photo.sha256,
            "note": aligned.note,
            "alignment": dict(self.alignment),
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

    @defer_interrupts()
    def save(self, folder: Path | str, overwrite: bool = False, recording: Recording = DEFAULT_RECORDING) -> list[Path]:
        """Write aligned.png, reconstruction.png, comparison.png, latent.safetensors, its tuning, and result.json.

        `result.json` is written last, so a folder with one is complete. Raises OutputError, also where `folder` holds
        earlier results and `overwrite` is False.
        """
        with ResultFolder(Path(folder), INVERSION_FILES, overwrite) as output:
            paths = self._write(output.place, recording)
        return [final_path(path) for path in paths]

    def _write(self, folder: Path, recording: Recording) -> list[Path]:
        record, pictures = self.record(), self.pictures()
        paths = [
            atomic_write(folder / name, png_bytes(each, recording.of_picture(record, name)))
            for name, each in pictures.items()
        ]
        paths.append(save_latent(self.latent, folder / LATENT_FILE, self.tuning.sha256 if self.tuning else None))
        if self.tuning is not None:
            paths.append(save_tuning(self.tuning, tuning_path(folder / LATENT_FILE)))
        hashes = {name: pixels_sha256(image) for name, image in pictures.items()}
        told = recording.of_json(record, folder, hashes)
        paths.append(atomic_write(folder / "result.json", to_json(told).encode()))
        return paths

    def pictures(self) -> dict[str, Image.Image]:
        """The pictures of `save` by the names of their files."""
        return {
            "aligned.png": self.aligned.frame,
            "reconstruction.png": to_pil(self.image, keep_channels=True)[0],
            "comparison.png": self._comparison_sheet(),
        }

    def _comparison_sheet(self) -> Image.Image:
        """The frame and the picture after every stage, side by side and of one size."""
        frame, labels = self.aligned.frame, ["photo", *(stage.name for stage in self.stages)]
        drawn = [to_pil(stage.image)[0].resize(frame.size, Image.Resampling.BICUBIC) for stage in self.stages]
        return labelled_sheet([[frame, *drawn]], labels, cell=min(frame.size))


def tuning_path(latent: Path) -> Path:
    """The file of the tuning of a latent in a file, beside it: latent.tuning.safetensors."""
    return latent.with_suffix(f".tuning{latent.suffix}")


def find_tuning_beside(latent: Path, models: Models) -> GeneratorDelta | None:
    """The tuning that a file of latents was made with, if it lies beside it; else None, with a WeightWarning."""
    wanted = tuning_hash(latent)
    if wanted is None:
        return None
    beside = [path for path in (tuning_path(latent), tuning_path(latent.with_name(LATENT_FILE))) if path.is_file()]
    for path in dict.fromkeys(beside):  # source.safetensors shares the tuning of latent.safetensors
        tuning = load_tuning(path, models)
        if tuning.sha256 == wanted:
            return tuning
    reason = f"{latent} was made with a tuned generator, whose change is not beside it as {tuning_path(latent).name}"
    warnings.warn(f"{reason}; the untouched one is used, so faces look less alike", WeightWarning, stacklevel=2)
    return None


def _round_scores(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in scores.items()}
