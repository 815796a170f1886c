"""The faces of a photo, for the identity loss of its stylization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from styleclip.alignment.align import Aligned, align
from styleclip.alignment.detectors import load_detector
from styleclip.alignment.framing import FFHQ, Framing
from styleclip.alignment.photos import Photo
from styleclip.canvases.augmentation import warp
from styleclip.errors import NoFaceError
from styleclip.networks.face_recognition import FaceRecogniser

MAX_FRAME_PX = 256  # of a face that a recogniser sees


@dataclass(frozen=True, eq=False)
class Faces:
    """Where the faces of a photo lie, at any size of it.

    Args:
        transforms: [N, 3, 3], for `warp`: the frames of the faces, as the recogniser knows them, in shares of a photo.
        recogniser: tells people apart.
    """

    transforms: Tensor
    recogniser: FaceRecogniser

    def __len__(self) -> int:
        return len(self.transforms)

    def embed(self, photo: Tensor) -> Tensor:
        """Unit features [N, D] of the faces in a picture [1, 3, H, W], which may be the styled photo."""
        return self.recogniser.embed(self.frames(photo))

    def frames(self, photo: Tensor) -> Tensor:
        """The frames [N, 3, S, S] of the faces in a picture [1, 3, H, W], nearly of the size that they have there."""
        lengths = self.transforms[:, :2, 0] * torch.tensor(photo.shape[:1:-1], device=self.transforms.device)
        side = min(MAX_FRAME_PX, max(16, round(lengths.norm(dim=-1).max().item())))
        return warp(photo.expand(len(self), -1, -1, -1), self.transforms, size=(side, side))


def find_faces(photo: Photo, recogniser: FaceRecogniser, framing: Framing = FFHQ) -> Faces | None:
    """All faces of a photo, framed as the recogniser knows them; None where there are none."""
    device = str(next(recogniser.parameters()).device)
    try:
        found = align(photo, load_detector(device=device), framing, which="all")
    except NoFaceError:
        return None
    return Faces(_transforms(found, photo.image.size).to(device), recogniser)


def _transforms(found: Sequence[Aligned], size: tuple[int, int]) -> Tensor:
    """The transforms of frames; the whole picture is the identity."""
    rows = []
    for face in found:
        if face.quad is None:
            rows.append(np.eye(3))
            continue
        top_left, bottom_left, _, top_right = (face.quad + 0.5) / size
        columns = np.stack([top_right - top_left, bottom_left - top_left, top_left], axis=1)  # [2, 3]
        rows.append(np.concatenate([columns, [[0.0, 0.0, 1.0]]]))
    return torch.tensor(np.stack(rows), dtype=torch.float32)
