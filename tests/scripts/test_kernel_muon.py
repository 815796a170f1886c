"""Muon on kernels of convolutions."""

from __future__ import annotations

import torch
from torch import nn

from scripts.train_demo.kernel_muon import KernelMuon


def test_a_step_has_the_size_of_its_rate_whatever_the_gradient() -> None:
    torch.manual_seed(0)
    kernels = [nn.Parameter(torch.randn(shape)) for shape in ((16, 24, 3, 3), (32, 4, 3, 3))]
    before = [kernel.detach().clone() for kernel in kernels]
    optimizer = KernelMuon(kernels, lr=0.05)
    for scale in (1e-3, 1e3):
        optimizer.zero_grad()
        sum(scale * (kernel * torch.randn_like(kernel)).sum() for kernel in kernels).backward()
        optimizer.step()
        changes = [(kernel - old).detach() for kernel, old in zip(kernels, before, strict=True)]
        assert all(0.7 < change.square().mean().sqrt() / (0.2 * 0.05) < 1.5 for change in changes)
        before = [kernel.detach().clone() for kernel in kernels]


def test_it_goes_on_from_a_saved_state() -> None:
    torch.manual_seed(0)
    kernel, gradients = nn.Parameter(torch.randn(8, 4, 3, 3)), torch.randn(4, 8, 4, 3, 3)
    copy = nn.Parameter(kernel.detach().clone())
    whole, first = KernelMuon([kernel], lr=0.05), KernelMuon([copy], lr=0.05)
    for gradient in gradients:
        kernel.grad = gradient
        whole.step()
    for gradient in gradients[:2]:
        copy.grad = gradient
        first.step()
    second = KernelMuon([copy], lr=0.05)
    second.load_state_dict(first.state_dict())
    for gradient in gradients[2:]:
        copy.grad = gradient
        second.step()
    assert torch.equal(kernel, copy)
