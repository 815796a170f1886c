"""Muon on the kernels of convolutions; needs torch 2.9."""

from __future__ import annotations

import torch
from torch import nn


class KernelMuon(torch.optim.Muon):
    """Muon (Jordan et al. 2024) on kernels of convolutions [out, in, k, k], each as the matrix [out, in k k].

    A step changes a kernel by about `lr` times 0.2 (root mean square), whatever its gradient.
    """

    def __init__(self, kernels: list[nn.Parameter], lr: float) -> None:
        self.kernels = kernels
        self.matrices = [nn.Parameter(kernel.detach().view(len(kernel), -1)) for kernel in kernels]  # the same memory
        super().__init__(self.matrices, lr=lr, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")

    def zero_grad(self, set_to_none: bool = True) -> None:
        for parameter in (*self.kernels, *self.matrices):
            parameter.grad = None

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for kernel, matrix in zip(self.kernels, self.matrices, strict=True):
            matrix.grad = None if kernel.grad is None else kernel.grad.reshape(matrix.shape)
        super().step()
