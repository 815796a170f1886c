"""Latents to edit: samples of seeds, and those of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from styleclip.edit_source import EditSource
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.inversion.result import find_tuning_beside
from styleclip.models import Models
from styleclip.storage.recording import InputFile
from styleclip.weights.file_state import sha256_of, unchanged_file
from styleclip.weights.latent_files import load_latents

MAX_LATENTS = 64  # of a file without chosen rows: some hold the faces of a whole dataset


def sample_source(editor: Editor, seeds: Sequence[int], psi: float | None = None) -> EditSource:
    """The samples of seeds, with their labels and their record; a `psi` of None is 1, and is not recorded."""
    about = {"seeds": list(seeds), **({} if psi is None else {"psi": psi})}
    latent = editor.sample(seeds=list(seeds), psi=1.0 if psi is None else psi)
    return EditSource(editor.models, latent, [f"seed {seed}" for seed in seeds], about)


def file_source(
    models: Models,
    path: Path,
    rows: Sequence[int] | None = None,
    space: Literal["z", "w", "w+", "s"] | None = None,
) -> EditSource:
    """The latents of a file, all or these rows, with the tuning that lies beside it.

    Raises WeightError for a file without latents of this generator, UsageError for rows that it lacks, and for more
    than MAX_LATENTS without chosen rows.
    """
    about: dict[str, Any] = {}
    with unchanged_file(path):
        latent = load_latents(path, models.generator, space)
        about = {"latent": InputFile(path), "latent_sha256": sha256_of(path)}
    about |= {} if rows is None else {"rows": tuple(rows)}
    about |= {} if space is None else {"latent_space": space}
    chosen = range(len(latent)) if rows is None else rows
    if rows is None and len(chosen) > MAX_LATENTS:
        raise UsageError(f"{path} holds {len(latent)} latents; choose some of them, e.g. with --rows 0-7")
    if max(chosen) >= len(latent):
        raise UsageError(f"{path} holds {len(latent)} latents, the last is row {len(latent) - 1}; change --rows")
    names = [f"row {row}" for row in chosen]
    tuning = find_tuning_beside(path, models)
    drawing = tuning.apply(models) if tuning else models
    return EditSource(drawing, latent[torch.tensor(list(chosen))], names, about, tuning)
