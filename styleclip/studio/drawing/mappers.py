"""The mappers of the catalog that fit a generator."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

from styleclip.errors import StyleClipError, UsageError
from styleclip.methods.mapper import LatentMapper, TrainedMapper, load_trained_mapper
from styleclip.models import Models
from styleclip.studio.states.json_values import shown
from styleclip.weights.catalog import weights


class CatalogMappers:
    """The mappers that ship or were downloaded and fit `models`, loaded on first use."""

    def __init__(self, models: Models) -> None:
        self.models = models

    def get(self, name: str) -> LatentMapper:
        """A mapper by its name in the catalog; raises UsageError for any other name."""
        if name not in self.loaded:
            known = ", ".join(self.loaded) or "none"
            raise UsageError(f"this generator has no mapper {shown(name)}; it has {known}")
        return LatentMapper(self.loaded[name])

    @cached_property
    def loaded(self) -> dict[str, TrainedMapper]:
        """All mappers, by name."""
        found: dict[str, TrainedMapper] = {}
        for name, weight in weights().items():
            if weight.kind == "mapper" and weight.on_disk is not None:
                with suppress(StyleClipError):  # it is one of another generator
                    found[name] = load_trained_mapper(weight.on_disk, self.models)
        return found

    def record(self) -> list[dict[str, str | None]]:
        """Names and texts, as JSON."""
        prompts = {name: each.prompt for name, each in self.loaded.items()}
        return [{"name": name, "prompt": prompt.target if prompt else None} for name, prompt in prompts.items()]
