"""What every replay needs: the files, and the models and latents that records name, loaded once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from styleclip.alignment.photos import Photo
from styleclip.canvases.stylization.stylize import suited_identity
from styleclip.canvases.stylization.videos import read_picture
from styleclip.edit_source import EditSource
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.latent_sources import file_source, sample_source
from styleclip.loading import load, load_identity
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.progress import OnStep, ignore
from styleclip.replays.inputs import Inputs
from styleclip.replays.recorded import bare_name
from styleclip.runtime.devices import pick_device, pick_dtype
from styleclip.text.parsing import parse_layers
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.catalog import catalog, weights
from styleclip.weights.clips import load_clip
from styleclip.weights.lineage import PARENT, catalog_name
from styleclip.weights.urls import is_url, weight_from_url

LOAD = "load"  # the key of the names and files that `styleclip.load` was given
FILES = ("relevance", "samples", "statistics", "encoder")  # of LOAD, besides the generator and the CLIP
MOVES = ("translate", "rotate")  # of a StyleGAN3, recorded where they are given

Record = Mapping[str, Any]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Choice:
    """What is used in place of what a record names; None for what the record says.

    Args:
        model: the generator, by name, file or URL.
        clip: the CLIP, as `load_clip` takes it.
        device: by default that of the record, where there is one.
        fetch: downloads what is not on this disk.
    """

    model: str | None = None
    clip: str | None = None
    device: str | None = None
    fetch: Fetch = fetch


@dataclass(frozen=True, eq=False)
class Context:
    """The files and the models of a replay.

    Args:
        inputs: finds the files that the result was made from.
        choice: what the user put in the place of what the record says.
        on_step: gets the steps.
    """

    inputs: Inputs
    choice: Choice = field(default_factory=Choice)
    on_step: OnStep = ignore
    _kept: dict[str, Any] = field(default_factory=dict)

    def models(self, provenance: Record, clip_on_use: bool = False) -> Models:
        """The models that a provenance names. Raises WeightError and UsageError for what is not here."""
        names = ("generator", LOAD, "clip", "identity", "device", "dtype", *MOVES)
        told = {name: provenance.get(name) for name in names}
        return self._once(("models", told, clip_on_use), lambda: self._load(provenance, clip_on_use))

    def source(self, provenance: Record) -> EditSource:
        """The latents of a record of seeds or of a file of latents, with the models that draw them."""
        told = provenance.get("source") or {}
        models = self.models(provenance)
        if "seeds" in told:
            return sample_source(Editor(models), told["seeds"], told.get("psi"))
        if "latent" in told:
            path = self.inputs.find(told["latent"], told.get("latent_sha256"), "file of latents")
            return file_source(models, path, told.get("rows"), told.get("latent_space"))
        path = self.inputs.folder / "source.safetensors"
        if not path.is_file():
            raise UsageError(
                f"the record does not say which latents were edited, and there is no {path.name} in "
                f"{self.inputs.folder}; put the picture back into the folder of its result"
            )
        return file_source(models, path)

    def photo(self, record: Record) -> Photo:
        """The photo of a record, by its name and its hash."""
        told = record.get("photo"), record.get("photo_sha256")
        return self._once(("photo", *told), lambda: read_picture(self.inputs.find(*told, "photo")))

    def clip(self, recorded: Record) -> CLIP:
        """The CLIP of a canvas, by the name in its record, on the device of the record."""
        name = self.choice.clip or str(recorded["name"])
        preprocess: Any = recorded.get("preprocess", "correct")
        loaded = self._once(("clip", name, preprocess), lambda: load_clip(name, preprocess, self.choice.fetch))
        return loaded.to(pick_device(self.choice.device or "auto"))

    def identity(self, clip: CLIP, name: str | None = None) -> FaceRecogniser | None:
        """The face recogniser of a stylization: the one of this name, else the one that suits the CLIP."""
        recogniser = load_identity(name or suited_identity(clip), self.choice.fetch)
        return None if recogniser is None else recogniser.to(clip.mean.device).requires_grad_(False).eval()

    def device(self, recorded: str) -> torch.device:
        """The device that was chosen, else that of the record, else, where it is not here, the one that is."""
        try:
            return pick_device(self.choice.device or recorded)
        except UsageError:
            if self.choice.device:
                raise
            return pick_device("auto")

    def _load(self, provenance: Record, clip_on_use: bool) -> Models:
        generator, given = provenance["generator"], provenance.get(LOAD) or {}
        device = self.device(str(provenance.get("device", "auto")))
        choices: dict[str, Any] = {name: self._name_or_file(given[name]) for name in FILES if name in given}
        if "sha256" in generator and PARENT in generator:
            layers = generator.get("parent_layers") or ""
            choices |= {"amount": generator["amount"], "parent_layers": parse_layers(layers) if layers else ()}
        choices |= {name: provenance[name] for name in MOVES if provenance.get(name)}
        clip = self.choice.clip or (self._name_or_file(given["clip"]) if "clip" in given else None)
        return load(
            self.choice.model or self._generator(generator, given),
            clip=clip,
            identity=provenance.get("identity"),
            label=generator.get("label"),
            clip_preprocess=(provenance.get("clip") or {}).get("preprocess", "correct"),
            clip_on_use=clip_on_use,
            device=device,
            dtype=pick_dtype(str(provenance.get("dtype", "auto")), device),
            fetch=self.choice.fetch,
            **choices,
        )

    def _generator(self, record: Record, given: Record) -> str:
        """The name or the file of the generator: as it was given, else by the catalog, else by its hash."""
        name = str(given.get("model", record.get("name", "")))
        if is_known(name) or is_url(name):
            return self._name_or_file(name)
        found = None if "model" in given or PARENT in record else catalog_name(record)
        return found or str(self.inputs.find(name, record.get("sha256"), "generator"))

    def _name_or_file(self, recorded: str) -> str:
        """A name of the catalog or of open_clip as it is; the path of a file, also of one that was at a URL.

        Raises UsageError for a URL that was not downloaded here: a record may be anybody's.
        """
        if is_url(recorded):
            path = weight_from_url(recorded).on_disk
            if path is None:
                raise UsageError(f"this was made with {recorded}, which is not on this disk; pass it with --model")
            return str(path)
        if is_known(recorded) or "." not in bare_name(recorded):
            return recorded
        return str(self.inputs.find(recorded))

    def _once(self, key: object, make: Callable[[], Value]) -> Value:
        """A value that is made once for equal keys."""
        text = json.dumps(key, sort_keys=True, default=str)
        if text not in self._kept:
            self._kept[text] = make()
        found: Value = self._kept[text]
        return found


def is_known(name: str) -> bool:
    """Whether a name is that of a model or a weight of the catalog."""
    return name in catalog()["models"] or name in weights()
