"""Latents that are edited together, with the models that render them, and the files of their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from styleclip.inversion.generator_delta import GeneratorDelta, save_tuning
from styleclip.inversion.result import LATENT_FILE, tuning_path
from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.results import COMPANIONS, RESULT_FILES, EditResult
from styleclip.storage.recording import DEFAULT_RECORDING, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path


@dataclass(frozen=True, eq=False)
class EditSource:
    """Latents that are edited together, and the models that render them.

    Args:
        models: those of the editor, with a tuned generator where there is a `tuning`.
        latent: the latents.
        names: a label of each latent, for sheets.
        about: where the latents come from, for the record (`Editor.edit(about={"source": source.about})`).
        tuning: the change of the generator that was found on the photo.
    """

    models: Models
    latent: Latent
    names: Sequence[str]
    about: Mapping[str, Any]
    tuning: GeneratorDelta | None = None

    def drawn_by(self, child: Models) -> EditSource:
        """The same latents drawn by a child of the generator, with the same tuning. Raises WeightError for others."""
        return replace(self, models=self.tuning.apply(child) if self.tuning else child)

    def save(
        self, result: EditResult, folder: Path | str, overwrite: bool = False, recording: Recording = DEFAULT_RECORDING
    ) -> list[Path]:
        """Write a result of these latents, and the tuning beside its latent; raises OutputError."""
        with ResultFolder(Path(folder), RESULT_FILES, overwrite, COMPANIONS) as output:
            paths = result.save(output.place, overwrite, recording)
            if self.tuning is not None:
                paths.append(save_tuning(self.tuning, tuning_path(output.place / LATENT_FILE)))
        return [final_path(path) for path in paths]
