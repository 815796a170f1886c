"""Which layers are trained: the convolutions, or at every step those that the text changes most.

Adaptive layer freezing (StyleGAN-NADA, section 4.3): one step of gradient descent in W+ towards the target text, and
the rows of W+ that move most choose the layers. The published code matches row i with the entries [conv1, toRGB1,
convs...]: row 1 with the first toRGB, row i >= 2 with the convolution that row i - 1 drives. `mended` matches every row
with the convolution that it drives; the last row drives a toRGB alone and chooses none. A StyleGAN3 has one toRGB, so
there both are the same, and its first row stands for the Fourier input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from styleclip.canvases.adaptation.settings import Freezing
from styleclip.latents import Latent, Space, StyleLayout

ImageLoss = Callable[[Latent], Tensor]  # the loss, a scalar, of the child's images of a latent in W+


def convolution_names(layout: StyleLayout) -> list[str]:
    """The convolutions in order: b4.conv1, b8.conv0, b8.conv1, ..."""
    return [entry.name for entry in layout.entries if not entry.is_torgb]


def torgb_names(layout: StyleLayout) -> list[str]:
    """The toRGB layers in order."""
    return [entry.name for entry in layout.entries if entry.is_torgb]


def layers_of_rows(layout: StyleLayout, freezing: Freezing) -> list[str]:
    """The layer that each row of W+ stands for; fewer than rows where the last ones stand for none."""
    convolutions, torgb = convolution_names(layout), torgb_names(layout)
    if freezing == "mended" or len(torgb) == 1:
        return convolutions
    return [convolutions[0], torgb[0], *convolutions[1:]]


def choose_layers(latent: Latent, loss: ImageLoss, names: Sequence[str], share: float) -> list[str]:
    """The names of the rows of W+ that a step down the gradient of the loss moves most.

    Args:
        latent: in W+ [N, num_ws, w_dim].
        loss: of the child's images of a latent.
        names: of the first rows, as by `layers_of_rows`.
        share: of the rows, of which the whole number below is taken, and at least 1.
    """
    data = latent.data.detach().clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(Latent(Space.W_PLUS, data)), data)
    importance = gradient.abs().mean(dim=(0, 2))[: len(names)]
    count = max(1, int(share * latent.data.shape[1] + 1e-9))
    rows = importance.topk(min(count, len(names))).indices.tolist()
    return [names[row] for row in sorted(rows)]
