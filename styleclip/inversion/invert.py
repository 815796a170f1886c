"""Photos -> latents that draw them: align, encode, refine, tune; each stage says how near it came."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from styleclip.alignment.align import Aligned, align
from styleclip.alignment.detectors import DEFAULT_DETECTOR, load_detector
from styleclip.alignment.face_choice import FaceChoice
from styleclip.alignment.face_search import Detector
from styleclip.alignment.framing import FFHQ, Framing
from styleclip.alignment.photos import Photo, photo_from_image, read_photo
from styleclip.files import versions
from styleclip.images import from_pil
from styleclip.inversion.generator_delta import GeneratorDelta
from styleclip.inversion.losses import resize_target, scores
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.inversion.result import Inversion, StageResult
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.encoder_config import FRAME
from styleclip.progress import OnStep, ignore

ALIGN_KEY = "align"  # the settings of a generator that say how it frames faces, by name


@dataclass(frozen=True)
class Invert:
    """How photos become latents.

    The encoder of the generator makes the first guess; a generator without one is searched from its average face, by
    `Refine()` where `refine` is None. `tune` fine-tunes a copy of the generator on the result (pivotal tuning).
    """

    refine: Refine | None = None
    tune: PivotalTuning | None = None
    align: bool | None = None  # None: pictures that are aligned crops are recognised
    face: FaceChoice = "largest"
    landmarks: str = DEFAULT_DETECTOR  # a name of `alignment.detectors.DETECTORS`
    predictor: Path | None = None  # of dlib's 68 landmarks; None: the one that was pulled

    def __call__(
        self, models: Models, photo: Photo | Image.Image | Path | str, on_step: OnStep = ignore
    ) -> list[Inversion]:
        """The faces of a photo that are meant, each inverted on its own, from left to right; at least one.

        Raises PhotoError for what is no picture, NoFaceError where a face is missing, WeightError for an encoder that
        does not fit, NumericError where a loss is not finite.
        """
        return [self.invert(models, aligned, on_step) for aligned in self.frames(models, photo)]

    def prepare(self, models: Models) -> None:
        """Read the encoder and the detector, so that what is wrong with them is said once, and not of each photo."""
        models.encoder()
        self._detector(models)

    def frames(self, models: Models, photo: Photo | Image.Image | Path | str) -> list[Aligned]:
        """The faces of a photo that are meant, framed for the generator."""
        found, detector = _photo(photo), self._detector(models)
        size = max(FRAME, models.generator.resolution)
        return align(found, detector, _framing(models) or FFHQ, size, self.face, self.align)

    def _detector(self, models: Models) -> Detector | None:
        """What finds faces; None where there is no need."""
        if self.align is False or _framing(models) is None:
            return None
        return load_detector(self.landmarks, self.predictor, str(models.device))

    def invert(self, models: Models, aligned: Aligned, on_step: OnStep = ignore) -> Inversion:
        """The latent of one frame."""
        frame = from_pil([aligned.frame])
        encoder = models.encoder()
        if encoder is not None and encoder.provenance:
            models = replace(models, provenance={**models.provenance, "encoder": encoder.provenance})
        run = _Run(models, resize_target(models, frame), on_step)
        refine = self.refine
        if encoder is None:
            run.begin("average", lambda: models.generator.w_avg.expand(1, models.generator.num_ws, -1))
            refine = refine or Refine()
        else:
            run.begin("encoder", lambda: encoder.encode(frame.to(models.generator.w_avg)))
        if refine is not None:
            run.refine(refine, guessed=encoder is not None)
        if self.tune is not None:
            run.tune(self.tune)
        provenance = {"versions": versions(), **models.provenance}
        return Inversion(aligned, run.target, run.latent, run.stages, run.models, run.tuning, provenance)


@dataclass
class _Run:
    """One frame on its way through the stages."""

    models: Models
    target: Tensor  # [1, 3, R, R]
    on_step: OnStep
    stages: list[StageResult] = field(default_factory=list)
    tuning: GeneratorDelta | None = None

    @torch.no_grad()
    def begin(self, name: str, guess: Callable[[], Tensor]) -> None:
        started = time.perf_counter()
        self.latent = Latent(Space.W_PLUS, guess().clone())
        self._add(name, {}, started)

    def refine(self, refine: Refine, guessed: bool) -> None:
        started = time.perf_counter()
        start = self.latent if guessed else None
        self.latent = refine(self.models, self.target, start, self.on_step)
        self._add(refine.name, vars(refine), started)

    def tune(self, tune: PivotalTuning) -> None:
        started = time.perf_counter()
        self.tuning = tune(self.models, self.target, self.latent, self.on_step)
        self.models = self.tuning.apply(self.models)
        self._add(tune.name, vars(tune), started)

    def _add(self, name: str, settings: dict[str, Any], started: float) -> None:
        seconds = time.perf_counter() - started
        image = self.models.render(self.latent)
        [reached] = scores(self.models, self.target, image)
        self.stages.append(StageResult(name, image, dict(settings), reached, seconds))


def _photo(photo: Photo | Image.Image | Path | str) -> Photo:
    if isinstance(photo, Photo):
        return photo
    return photo_from_image(photo) if isinstance(photo, Image.Image) else read_photo(Path(photo))


def _framing(models: Models) -> Framing | None:
    """How the generator frames faces; None for one that draws something else."""
    own = dict(models.defaults.get(ALIGN_KEY, {}))
    return Framing(**own) if own.pop("faces", True) else None
