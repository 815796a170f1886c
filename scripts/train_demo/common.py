"""Shared by the trainings of the demo models: rendered images, averaged weights, a loop that can be resumed."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from styleclip.demo.world import Faces, faces
from styleclip.training.ema import moving_average

Losses = dict[str, Tensor]
WORK = Path("build/train_demo")  # renders and training states; finished models go to checkpoints/demo


class Renders:
    """Rendered images and their latents, from a file of `render.py`."""

    def __init__(self, path: Path) -> None:
        tensors = load_file(path)
        self.images, self.z = tensors["images"], tensors["z"].float()  # uint8 [M, 3, R, R], [M, 64]

    def __len__(self) -> int:
        return len(self.z)

    def at(self, rows: Tensor) -> tuple[Tensor, Faces]:
        """Images [N, 3, R, R] in [-1, 1] and their faces."""
        return self.images[rows].float() / 127.5 - 1, faces(self.z[rows])

    def batches(self, size: int) -> Iterator[tuple[Tensor, Faces]]:
        """Endless shuffled batches."""
        while True:
            for rows in torch.randperm(len(self)).split(size):
                if len(rows) == size:
                    yield self.at(rows)


def train(
    name: str,
    modules: nn.Module,
    step: Callable[[int], Losses],
    steps: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.99),
    decay: float = 0.998,
    warmup: int = 50,
    max_grad: float | None = None,
    kernel_lr: float | None = None,
) -> dict[str, Tensor]:
    """Adam with a cosine schedule on the sum of the losses that `step(i)` returns; gives the averaged weights.

    With `kernel_lr` Muon trains the kernels of convolutions at this rate. The state is saved every two minutes and
    taken up again by the next call with the same name.
    """
    path = WORK / f"{name}.state.pt"
    kernels, others = list[nn.Parameter](), list[nn.Parameter]()
    for each in (p for p in modules.parameters() if p.requires_grad):
        (kernels if kernel_lr and each.ndim == 4 and each.shape[-1] > 1 else others).append(each)
    optimizers: list[torch.optim.Optimizer] = [torch.optim.Adam(others, lr=lr, betas=betas)]
    if kernel_lr:
        from scripts.train_demo.kernel_muon import KernelMuon  # needs torch 2.9

        optimizers.append(KernelMuon(kernels, kernel_lr))
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, lambda i: _cosine(i, steps, warmup)) for each in optimizers]
    average, first = moving_average(modules, decay), 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        modules.load_state_dict(state["modules"])
        for part, saved_state in zip([*optimizers, *schedules], state["optimizers"], strict=True):
            part.load_state_dict(saved_state)
        average.module.load_state_dict(state["average"])
        first = state["step"]
        print(f"{name}: resumed at step {first}", flush=True)
    started = saved = time.monotonic()
    for i in range(first, steps):
        torch.manual_seed(i)
        losses = step(i)
        total = torch.stack([*losses.values()]).sum()
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        total.backward()
        if max_grad is not None:
            nn.utils.clip_grad_norm_(modules.parameters(), max_grad)
        for part in (*optimizers, *schedules):
            part.step()
        average.update_parameters(modules)
        if i % 50 == 0 or i == steps - 1:
            values = "  ".join(f"{key} {value.item():.4f}" for key, value in losses.items())
            print(f"{name} {i}/{steps}  {values}  {time.monotonic() - started:.0f} s", flush=True)
        if time.monotonic() - saved > 120 or i == steps - 1:
            saved = time.monotonic()
            parts = [part.state_dict() for part in (*optimizers, *schedules)]
            state = {"modules": modules.state_dict(), "optimizers": parts, "step": i + 1}
            state["average"] = average.module.state_dict()
            torch.save(state, path.with_suffix(".tmp"))
            os.replace(path.with_suffix(".tmp"), path)
    return dict(average.module.state_dict())


def augment(images: Tensor) -> Tensor:
    """Shift by up to two pixels, change brightness and contrast a little, sometimes blur or add grain."""
    dx, dy = (int(torch.randint(-2, 3, ())) for _ in range(2))
    images = F.pad(images, (2, 2, 2, 2), mode="replicate").roll((dy, dx), (2, 3))[..., 2:-2, 2:-2]
    n = len(images)
    gain, shift = 1 + 0.1 * torch.randn(n, 1, 1, 1), 0.06 * torch.randn(n, 3, 1, 1)
    images = images * gain + shift
    if torch.rand(()) < 0.3:
        smooth = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        images = images.lerp(smooth, torch.rand(n, 1, 1, 1))
    if torch.rand(()) < 0.3:
        images = images + 0.06 * torch.rand(n, 1, 1, 1) * torch.randn_like(images)
    return images


def crops(maps: Tensor, corners: list[list[int]], side: int) -> Tensor:
    """Squares [N, C, side, side] of maps [N, C, R, R], from these rows and columns on."""
    pairs = zip(maps, corners, strict=True)
    return torch.stack([each[:, top : top + side, left : left + side] for each, (top, left) in pairs])


def float_weights(path: Path) -> dict[str, Tensor]:
    """The weights of a file, those in half precision as float32: what `to_half` shortened."""
    return {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()}


def to_half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights with matrices and kernels in half precision, where it costs no accuracy."""
    return {k: (v.half() if v.is_floating_point() and v.ndim > 1 else v).contiguous() for k, v in state.items()}


def prepare_process(threads: int) -> None:
    """Set threads, and flush denormals to zero: on a CPU they make early layers ten times slower."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    WORK.mkdir(parents=True, exist_ok=True)


def _cosine(i: int, steps: int, warmup: int) -> float:
    ramp = min(1.0, (i + 1) / warmup)
    return ramp * (0.02 + 0.49 * (1 + math.cos(math.pi * min(1.0, i / max(1, steps)))))
