"""IR-SE50, the face recognition network of InsightFace (Deng et al. 2019; squeeze-excitation of Hu et al. 2018).

It is the trunk of ArcFace, for the identity loss, and of the encoders e4e and pSp. Parameter names are those of
`model_ir_se50.pth`. CurricularFace (Huang et al. 2020), by which publications measure identity, is the deeper IR-101
without squeeze-excitation, under the same names: `CurricularFace_Backbone.pth`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.networks.encoder_config import FRAME_PX, UNITS, WIDTHS
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.networks.resize import ResizeCrop, resize_from_square, resize_matrix
from styleclip.runtime.image_by_image import by_image

IR_101 = (3, 13, 30, 3)  # bottlenecks of each stage
FACE_PX = 112  # side of ArcFace's input
FACE_ROWS, FACE_COLUMNS = slice(35, 223), slice(32, 220)  # of the face in a frame of 256 px


class IRSE50(nn.Module):
    """The trunk: `stages(image)` is the output of each of the four stages, from 1/2 to 1/16 of the image's side.

    Published files have WIDTHS channels. `units` are the bottlenecks of each stage.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, units: Sequence[int] = UNITS, excitation: bool = True) -> None:
        super().__init__()
        first = widths[0]
        self.units = tuple(units)
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, first, 3, padding=1, bias=False), nn.BatchNorm2d(first), nn.PReLU(first)
        )
        self.body = nn.Sequential(
            *(
                Bottleneck(width if unit else before, width, 1 if unit else 2, excitation)
                for before, width, count in zip((first, *widths), widths, units, strict=False)
                for unit in range(count)
            )
        )

    def stages(self, image: Tensor) -> list[Tensor]:
        """[N, 3, H, W] -> [N, w1, H/2, W/2], [N, w2, H/4, W/4], [N, w3, H/8, W/8], [N, w4, H/16, W/16]."""
        ends = set(accumulate(self.units))
        x, outputs = self.input_layer(image), []
        for count, bottleneck in enumerate(self.body, start=1):
            x = bottleneck(x)
            if count in ends:
                outputs.append(x)
        return outputs


class ArcFace(IRSE50, FaceRecogniser):
    """Identity of a face: `arcface.embed(image) -> unit features [N, 512]`, compared by their dot product.

    CurricularFace has the `units` IR_101, no `excitation`, and no weights of its last normalisation (`affine`).
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        units: Sequence[int] = UNITS,
        excitation: bool = True,
        affine: bool = True,
    ) -> None:
        super().__init__(widths, units, excitation)
        width, side = widths[-1], FACE_PX // 2 ** len(units)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Dropout(0.6),
            nn.Flatten(),
            nn.Linear(width * side * side, width),
            nn.BatchNorm1d(width, affine=affine),
        )

    def resize_crop(self, image: Tensor) -> ResizeCrop:
        return face_resize(image.shape[2], image.shape[3], image.device)

    @by_image
    def encode_pixels(self, pixels: Tensor) -> Tensor:
        features: Tensor = self(pixels)
        return features

    def forward(self, face: Tensor) -> Tensor:
        """Cropped face [N, 3, 112, 112] in [-1, 1] -> unit features [N, 512]."""
        return F.normalize(self.output_layer(self.stages(face)[-1]), dim=1)


class Bottleneck(nn.Module):
    """`res_layer(x) + shortcut_layer(x)`, without an activation after the sum."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, excitation: bool = True) -> None:
        super().__init__()
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.PReLU(out_channels),
            nn.Conv2d(out_channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            *([SqueezeExcitation(out_channels)] if excitation else []),
        )
        self.shortcut_layer: nn.Module
        if in_channels == out_channels:
            self.shortcut_layer = nn.MaxPool2d(1, stride)  # plain subsampling
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:  # [N, in, H, W] -> [N, out, H / stride, W / stride]
        y: Tensor = self.res_layer(x) + self.shortcut_layer(x)
        return y


class SqueezeExcitation(nn.Module):
    """Scale every channel by a gate computed from all channel means (Hu et al. 2018, equations 2 to 4)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        few = max(1, channels // reduction)
        self.fc1 = nn.Conv2d(channels, few, 1, bias=False)
        self.fc2 = nn.Conv2d(few, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [N, C, H, W] -> [N, C, H, W]
        gate: Tensor = self.fc2(F.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))).sigmoid()
        return x * gate


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)
def face_resize(height: int, width: int, device: torch.device) -> ResizeCrop:
    """The face in an aligned frame, as in the identity loss of StyleCLIP: pooled to 256 px, cropped, pooled.

    A frame that is not square is centred on a black square.
    """
    whole = resize_matrix(max(height, width), FRAME_PX, "pool")
    rows, columns = (
        resize_matrix(part.stop - part.start, FACE_PX, "pool") @ whole[part] for part in (FACE_ROWS, FACE_COLUMNS)
    )
    return resize_from_square(rows, columns, height, width, device)
