"""Photos -> latents that draw them, in stages: align, encode, refine, tune."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.alignment.align import Aligned, align
from styleclip.alignment.detectors import DEFAULT_DETECTOR, load_detector
from styleclip.alignment.face_choice import FaceChoice
from styleclip.alignment.face_search import Detector
from styleclip.alignment.framing import FFHQ, Framing
from styleclip.alignment.photos import PhotoLike, read_photo
from styleclip.images import from_pil
from styleclip.inversion.losses import reconstruction_scores, resize_target
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.inversion.result import Inversion, StageResult
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.e4e import Encoder
from styleclip.networks.encoder_config import FRAME_PX
from styleclip.networks.generator import Generator
from styleclip.networks.machine import machine_record
from styleclip.progress import OnStep, ignore
from styleclip.runtime.gradients import with_gradients
from styleclip.storage.files import versions
from styleclip.storage.recording import InputFile

ALIGN_KEY = "align"  # of `Models.defaults`: how the generator frames faces


@dataclass(frozen=True)
class Invert:
    """Invert photos: find the latents that draw their faces.

    The encoder of the generator gives the first latent. A generator without one starts at its average face and is
    refined by `Refine()` where `refine` is None.

    Args:
        refine: optimizes the latent in W+.
        tune: fine-tunes a copy of the generator around the latent.
        align: False takes pictures whole, True always cuts faces out; None takes aligned crops whole.
        face: "largest", "all", or a number from 1, from left to right.
        landmarks: the face detector, by its name in `alignment.detectors.DETECTORS`.
        predictor: the file of dlib's 68 landmarks; None takes the one that `styleclip models pull` has fetched.

    Example:
        [inversion] = Invert(Refine(steps=50))(models, "me.jpg")
        inversion.save("me")
    """

    refine: Refine | None = None
    tune: PivotalTuning | None = None
    align: bool | None = None
    face: FaceChoice = "largest"
    landmarks: str = DEFAULT_DETECTOR
    predictor: Path | None = None

    def __call__(self, models: Models, photo: PhotoLike, on_step: OnStep = ignore) -> list[Inversion]:
        """The inversions of the chosen faces, from left to right; at least one. See `faces`."""
        return [inversion for _, inversion in self.faces(models, photo, on_step)]

    def faces(self, models: Models, photo: PhotoLike, on_step: OnStep = ignore) -> Iterator[tuple[str, Inversion]]:
        """The chosen faces with their names, inverted one by one: "" for the only face, else face_1, face_2, ...

        `Step.stage` is "refine" or "tune", for one of several faces e.g. "face 2 of 3: refine". Raises PhotoError for a
        file that is no picture, NoFaceError where a face is missing, WeightError for an encoder that does not fit,
        NumericError where a loss is not finite.
        """
        frames = self.frames(models, photo)
        for number, frame in enumerate(frames, start=1):
            if len(frames) == 1:
                yield "", self.invert(models, frame, on_step)
            else:
                label = f"face {number} of {len(frames)}"
                yield f"face_{number}", self.invert(models, frame, _label_steps(on_step, label))

    def prepare(self, models: Models) -> None:
        """Load encoder and detector, so that their errors are raised once, before the first of several photos."""
        models.encoder()
        self._detector(models)

    def frames(self, models: Models, photo: PhotoLike) -> list[Aligned]:
        """The chosen faces of a photo, cropped as the generator frames them, from left to right."""
        size, framing = _frame_size(models.generator), framing_of(models) or FFHQ
        return align(read_photo(photo), self._detector(models), framing, size, which=self.face, force=self.align)

    def alignment_record(self) -> dict[str, Any]:
        """How faces are chosen and found, for the record."""
        told = {"face": self.face, "align": self.align, "landmarks": self.landmarks}
        return told if self.predictor is None else {**told, "predictor": InputFile(self.predictor)}

    @with_gradients
    def invert(self, models: Models, aligned: Aligned, on_step: OnStep = ignore) -> Inversion:
        """The inversion of one frame; of an adapted generator by its parent, which draws photos.

        Faces of photos lie where the alignment puts them, so pictures are not moved on the way.
        """
        frame = from_pil([aligned.frame])
        target = resize_target(models, frame)
        encoder = models.encoder()
        if encoder is not None and encoder.provenance:
            models = replace(models, provenance={**models.provenance, "encoder": encoder.provenance})
        drawing, models = models, models.with_transform(None)
        parent = models.parent()
        if parent is not None:
            models = replace(parent, provenance={**models.provenance, **parent.provenance})
        provenance = {"versions": versions(), "machine": machine_record(), **models.provenance}
        started = time.perf_counter()
        latent = _average_face(models.generator) if encoder is None else _encode(encoder, frame.to(target))
        name = "average" if encoder is None else "encoder"
        stages = [_stage_result(name, models, target, latent, {}, started)]
        refine = self.refine or (Refine() if encoder is None else None)
        if refine is not None:
            started = time.perf_counter()
            latent = refine(models, target, None if encoder is None else latent, on_step)
            stages.append(_stage_result(refine.name, models, target, latent, vars(refine), started))
        inversion = Inversion(aligned, target, latent, stages, drawing, None, provenance, self.alignment_record())
        return inversion if self.tune is None else tune_inversion(inversion, self.tune, on_step)

    def _detector(self, models: Models) -> Detector | None:
        """The face detector; None where none is needed."""
        if self.align is False or framing_of(models) is None:
            return None
        return load_detector(self.landmarks, self.predictor, str(models.device))


def tune_inversion(inversion: Inversion, tune: PivotalTuning, on_step: OnStep = ignore) -> Inversion:
    """The inversion with one more stage: its generator, fine-tuned around its latent.

    Of an adapted generator the parent is tuned, and the child gets the same change.
    """
    started = time.perf_counter()
    models = (inversion.models.parent() or inversion.models).with_transform(None)
    tuning = tune(models, inversion.target, inversion.latent, on_step)
    stage = _stage_result(tune.name, tuning.apply(models), inversion.target, inversion.latent, vars(tune), started)
    return replace(inversion, stages=[*inversion.stages, stage], models=tuning.apply(inversion.models), tuning=tuning)


@torch.no_grad()
def _encode(encoder: Encoder, frame: Tensor) -> Latent:
    """The encoder's latent in W+ of a frame [1, 3, H, W]."""
    return Latent(Space.W_PLUS, encoder.encode(frame).clone())


def _average_face(generator: Generator) -> Latent:
    """The average of W as one latent in W+."""
    return Latent(Space.W_PLUS, generator.w_avg.expand(1, generator.num_ws, -1).clone())


def _stage_result(
    name: str, models: Models, target: Tensor, latent: Latent, settings: Mapping[str, Any], started: float
) -> StageResult:
    seconds = time.perf_counter() - started
    image = models.render(latent)
    [scores] = reconstruction_scores(models, target, image)
    return StageResult(name, image, dict(settings), scores, seconds)


def _label_steps(on_step: OnStep, label: str) -> OnStep:
    return lambda step: on_step(replace(step, stage=f"{label}: {step.stage}"))


def _frame_size(generator: Generator) -> tuple[int, int]:
    """Height and width of a frame: those of the generator's image, of which the longer side is FRAME_PX at least."""
    height, width = generator.image_size
    factor = -(-FRAME_PX // max(height, width))
    return height * factor, width * factor


def framing_of(models: Models) -> Framing | None:
    """How the generator frames faces; None for a generator of other things, as all are that draw no squares."""
    height, width = models.generator.image_size
    if height != width:
        return None
    settings = dict(models.defaults.get(ALIGN_KEY, {}))
    return Framing(**settings) if settings.pop("faces", True) else None
