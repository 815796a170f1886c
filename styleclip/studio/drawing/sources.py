"""The face that a state edits: its latent, and what is computed of it once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor

from styleclip.editor import Editor
from styleclip.inversion.result import Inversion
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.transform import Transform
from styleclip.preview import WholePicture, draw_whole_picture
from styleclip.progress import OnStep
from styleclip.studio.caches import Cache, bytes_of
from styleclip.studio.drawing.faces import PhotoFaces, invert_face
from styleclip.studio.drawing.needs import Needs, key_of
from styleclip.studio.requests import StudioError
from styleclip.studio.sessions import Session
from styleclip.studio.states.state import Face, PhotoFace, Sample
from styleclip.studio.threads.tasks import Job, Task

MAX_FACES, MAX_FACE_BYTES = 64, 2**28


@dataclass(frozen=True, eq=False)
class SourceFace:
    """A face before the edit.

    Args:
        models: the models that draw it, with a tuned generator where the inversion has tuned one.
        latent: one latent in W+.
        key: names the face; equal keys mean equal latents and models.
        inversion: of a face of a photo.
        upright: the face where the generator draws it, of one that is moved.
    """

    models: Models
    latent: Latent
    key: str
    inversion: Inversion | None = None
    upright: SourceFace | None = None

    def moved(self, transform: Transform) -> SourceFace:
        """The same face, drawn elsewhere; the latent in S is the same tensor. Raises UsageError for a StyleGAN2."""
        models, key = self.models.with_transform(transform), key_of(self.key, transform.record())
        found = replace(self, models=models, key=key, upright=self)
        vars(found)["in_s"] = self.in_s
        return found

    @cached_property
    def in_s(self) -> Latent:
        """The latent [1, C] in S."""
        return self.models.generator.to_space(self.latent, Space.S)

    @cached_property
    def drawing(self) -> WholePicture:
        """Its picture, which previews start from."""
        return draw_whole_picture(self.models, self.in_s)

    @property
    def is_drawn(self) -> bool:
        """Whether its picture is known."""
        return "drawing" in vars(self)

    @property
    def image(self) -> Tensor:
        """The picture [1, img_channels, H, W]."""
        return self.drawing.picture

    @cached_property
    def features(self) -> Tensor:
        """The unit features [1, D] of CLIP, as `Models.clip_features` gives them."""
        return self.models.clip.encode_image(self.image) if self.upright is None else self.upright.features

    @cached_property
    def embedding(self) -> Tensor | None:
        """The unit features [1, D] of face recognition; None where the models have none."""
        identity = self.models.identity
        return None if identity is None else identity.embed(self.image)

    @property
    def size_bytes(self) -> int:
        """The memory that it takes once all is computed, without models and inversion."""
        height, width = self.models.generator.image_size
        floats = self.models.generator.config.img_channels * height * width
        return 4 * floats + 2 * bytes_of(self.in_s)


class SourceFaces:
    """Gives the faces of states; a face of a photo is inverted by a job."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self._faces: Cache[SourceFace] = Cache(MAX_FACES, MAX_FACE_BYTES)

    def find(self, face: Face, session: Session, needs: Needs) -> SourceFace | Job:
        """The face, or the job that makes it. Raises StudioError, also where its photo is `missing`."""
        if isinstance(face, Sample):
            return self.sample(face)
        upload = session.uploads.get(face.sha256)
        if upload is None or not isinstance(upload.value, PhotoFaces):
            raise StudioError(f"the studio does not have {face.name}; drop the photo on the page", missing="photo")
        key = key_of("photo", face.sha256, face.face, face.refine, face.tune)
        found = self._faces.get(key) or self._invert(face, upload.value, key, session, needs)
        if isinstance(found, SourceFace):
            session.inversions.add(key)
        return found

    def _invert(self, face: PhotoFace, faces: PhotoFaces, key: str, session: Session, needs: Needs) -> SourceFace | Job:
        """A face of a photo, inverted by a job."""
        untuned = self.find(replace(face, tune=0), session, needs) if face.tune else None
        if isinstance(untuned, Job):
            return untuned
        known = untuned.inversion if untuned is not None else None

        def work(on_step: OnStep) -> Inversion:
            return invert_face(self.models, faces, face, on_step, known)

        inversion = needs.request(Task(key, f"inverting {face.name}", work, "photos", self._inversion_bytes))
        if isinstance(inversion, Job):
            return inversion
        return self._keep(SourceFace(inversion.models, inversion.latent, key, inversion))

    def sample(self, sample: Sample) -> SourceFace:
        """The face of a seed."""
        key = key_of("seed", sample.seed, sample.psi)
        found = self._faces.get(key)
        if found is None:
            found = self._keep(SourceFace(self.models, Editor(self.models).sample(sample.seed, psi=sample.psi), key))
        return found

    def drop(self, key: str) -> None:
        """Forget a face."""
        self._faces.drop(key)

    def _keep(self, face: SourceFace) -> SourceFace:
        size = face.size_bytes + (self._inversion_bytes(face.inversion) if face.inversion else 0)
        self._faces.put(face.key, face, size)
        return face

    def _inversion_bytes(self, inversion: Inversion) -> int:
        """The memory of an inversion: its pictures, its photo, and its generator where that was tuned."""
        photo, generator = inversion.aligned.photo.image, inversion.models.generator
        tuned = 0 if generator is self.models.generator else bytes_of(generator)
        images = [inversion.target, *(stage.image for stage in inversion.stages)]
        return 3 * photo.width * photo.height + tuned + bytes_of(images)
