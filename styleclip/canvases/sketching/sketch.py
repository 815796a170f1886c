"""`sketch`: a picture by a few strokes (CLIPasso, Vinker et al. 2022)."""

from __future__ import annotations

from torch import Tensor

from styleclip.alignment.photos import PhotoLike, read_photo
from styleclip.canvases.result import CanvasResult
from styleclip.canvases.sketching.results import sketch_result
from styleclip.canvases.sketching.search import find_sketch
from styleclip.canvases.sketching.settings import Sketching
from styleclip.images import from_pil
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, ignore
from styleclip.storage.recording import InputFile
from styleclip.weights.clips import load_clip


def sketch(
    picture: PhotoLike | Tensor,
    clip: CLIP | None = None,
    settings: Sketching | None = None,
    *,
    region: Tensor | None = None,
    on_step: OnStep = ignore,
) -> CanvasResult:
    """A sketch of a picture by strokes, as SVG, PNG, and drawn stroke by stroke. Ctrl-C keeps the best so far.

    Args:
        picture: a photo, or images [1, 1..4, H, W] in [-1, 1] as a generator draws them.
        clip: by default that of the demo models.
        settings: by default those that suit the CLIP.
        region: where the picture is kept [G, G] in [0, 1]; elsewhere it is white. By default all of it is sketched;
            for faces see `canvases.sketching.subject.face_region`.
        on_step: gets the steps of every restart.

    Raises PhotoError for what is no photo, and UsageError for a layer that this CLIP does not have.

    Example:
        styleclip.sketch("face.png", settings=Sketching(strokes=8)).save("sketched")
    """
    clip = load_clip() if clip is None else clip
    about: dict[str, object] = {"clip": {"name": clip.name, "preprocess": clip.preprocess}}
    if isinstance(picture, Tensor):
        image = picture
    else:
        photo = read_photo(picture)
        image = from_pil([photo.image])
        about["source"] = {"image": photo.path and InputFile(photo.path), "photo_sha256": photo.sha256}
    return sketch_result(find_sketch(clip, image, settings or Sketching(), on_step, region), about)
