"""The step in style space between two latents, such as source and result of a finished edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import UsageError, WeightError
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.storage.recording import InputFile
from styleclip.weights.file_state import sha256_of, unchanged_file
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_checks import MAX_RECORD_CHARS, parse_record
from styleclip.weights.latent_files import load_latents

LATENTS = ("source.safetensors", "latent.safetensors")  # of a result folder, before and after the edit
REMEDY = "pass the folder of one edit, with result.json"


@dataclass(frozen=True)
class StyleStep:
    """A fixed step in S, for any face: what an edit, e.g. by `Optimize`, has changed on the face it was made for.

    Args:
        data: [1, C] for any face, or [N, C] for as many faces in their order.
        prompt: the text of the edit, by which a result is scored; None where it is not known.
        origin: where the step comes from, for the record.

    Example:
        result = editor.edit(editor.sample(seed=3), "a face with red hair", Optimize())
        step = StyleStep.between(editor.models, result.source, result.edited)
        editor.edit_together(editor.sample(seed=8), [Slider(step, 0.7)]).save("other_face")
    """

    data: Tensor
    prompt: Prompt | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    @torch.no_grad()
    def between(models: Models, source: Latent, edited: Latent, prompt: Prompt | None = None) -> StyleStep:
        """The step `S(edited) - S(source)` between two latents of any space. Raises UsageError for unequal numbers."""
        if len(source) != len(edited):
            raise UsageError(f"{len(source)} latents and {len(edited)} are no pairs; pass as many of each")
        before, after = (models.generator.to_space(each.to(models.device), Space.S) for each in (source, edited))
        return StyleStep((after - before).data.detach(), prompt)

    @staticmethod
    def load(models: Models, folder: str | Path) -> StyleStep:
        """The step of a saved result, from its source.safetensors and latent.safetensors.

        Raises WeightError for a folder without a result, and for a result of another generator.
        """
        folder = Path(folder)
        record = _read_record(folder, models)
        source, edited = (folder / name for name in LATENTS)
        with unchanged_file(source), unchanged_file(edited):
            before, after = (load_latents(path, models.generator) for path in (source, edited))
            hashes = {"sha256": sha256_of(edited), "source_sha256": sha256_of(source)}
        step = StyleStep.between(models, before, after, _read_prompt(record))
        origin = {"method": record.get("method"), "file": InputFile(edited), **hashes}
        return StyleStep(step.data, step.prompt, origin)


def _read_record(folder: Path, models: Models) -> dict[str, Any]:
    """The record of a result folder; WeightError for a folder without one, and for a result of another generator."""
    path = folder / "result.json"
    missing = [name for name in (*LATENTS, path.name) if not (folder / name).is_file()]
    if missing:
        raise WeightError(f"{folder} holds no result of an edit ({missing[0]} is missing); {REMEDY}")
    with error_context(path, REMEDY):
        with path.open(encoding="utf-8") as file:
            record = parse_record(file.read(MAX_RECORD_CHARS + 1), REMEDY)
        network = record["provenance"]["generator"].get("network")
        if network is not None and not models.accepts_w(network):
            raise WeightError("this result was made with another generator; pass that one with --model")
    return record


def _read_prompt(record: Mapping[str, Any]) -> Prompt | None:
    """The prompt of a record; None where it has none that can be read."""
    target, neutral = record.get("prompt"), record.get("neutral")
    if isinstance(neutral, list):
        neutral = tuple(neutral)
    try:
        return Prompt(target, neutral)  # type: ignore[arg-type]
    except (TypeError, AttributeError, UsageError):
        return None
