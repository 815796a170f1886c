"""Tests that need a GPU: `pytest -m gpu`. The reference is the CPU, in float64 where precision matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

import cuda_ops
from styleclip.latents import Latent, Space
from styleclip.networks.stylegan3_layers import down_filter, up_filter
from tests.helpers.ops import LAYOUTS, LOW_PRECISIONS, TAPS, bias_act_terms, output_and_gradients, random_normal
from tests.helpers.tiny import TINY, tiny_generator
from tests.helpers.tiny_stylegan3 import tiny_stylegan3, tiny_stylegan3_config

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """Require the compiled kernels, and forbid TF32."""
    monkeypatch.setenv("STYLECLIP_OPS", "native")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float64, *LOW_PRECISIONS])
@pytest.mark.parametrize("size", [(51, 50), (64, 64), (3, 1)])
@pytest.mark.parametrize("name", ["bias_act", "upfirdn2d", "downfirdn2d", "blur_act"])
def test_kernels_round_about_as_much_as_plain_torch(
    layout: str, dtype: torch.dtype, size: tuple[int, int], name: str
) -> None:
    """The tolerance is twice that of the CPU, because sums of gradients are few numbers and vary more."""
    height, width = size
    extra = (
        [*bias_act_terms(height - 1, width).values()]
        if name == "blur_act"
        else [*bias_act_terms(height, width).values()]
    )
    inputs = [random_normal(2, 3, height, width, layout=LAYOUTS[layout])] + (extra if name.endswith("act") else [])
    calls: dict[str, tuple[str, Callable[[Any, Tensor], Callable[..., Tensor]]]] = {
        "bias_act": ("bias_act", lambda op, taps: lambda *x: op(*x, clamp=1.5)),
        "upfirdn2d": ("upfirdn2d", lambda op, taps: lambda x: op(x, taps, 2, 1, (2, 1), 4.0)),
        "downfirdn2d": ("upfirdn2d", lambda op, taps: lambda x: op(x, taps, 1, 2, (2, 3), 1.0)),
        "blur_act": ("blur_act", lambda op, taps: lambda x, *rest: op(x, taps, *rest, padding=(1, 1), fir_gain=4.0)),
    }
    op_name, call = calls[name]
    if name == "blur_act":
        inputs[0] = random_normal(2, 3, height, width + 1, layout=LAYOUTS[layout])
    twin = getattr(cuda_ops, f"{op_name}_reference")
    inputs = [tensor.to(dtype) for tensor in inputs]
    exact = output_and_gradients(call(twin, TAPS), [tensor.double() for tensor in inputs])
    plain = output_and_gradients(call(twin, TAPS), inputs)
    on_gpu = output_and_gradients(call(getattr(cuda_ops, op_name), TAPS.cuda()), [tensor.cuda() for tensor in inputs])
    for ours, theirs, right in zip(on_gpu, plain, exact, strict=True):
        floor = 16 if dtype is torch.float64 else 2  # of the last digit; in float64 plain torch is what is exact
        limit = 4 * (theirs - right).abs().max() + floor * torch.finfo(dtype).eps * right.abs().max()
        assert (ours.cpu() - right).abs().max() <= limit


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
def test_derivatives(check: Callable[..., bool]) -> None:
    inputs = [random_normal(2, 3, 3, 4), *bias_act_terms(2, 3).values()]
    leaves = tuple(tensor.cuda().requires_grad_() for tensor in inputs)
    taps = TAPS.cuda()
    assert check(
        lambda x, *rest: cuda_ops.blur_act(x, taps, *rest, padding=(1, 1), clamp=0.8), leaves, nondet_tol=1e-12
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("radial", [False, True])
def test_filtered_lrelu(layout: str, radial: bool) -> None:
    """With the shape of a layer of StyleGAN3, and its gradients, against the kernel of the CPU."""
    shape = tiny_stylegan3_config("r" if radial else "t", resolution=64).layers()[8]
    filters = [up_filter(shape), down_filter(shape, radial)]
    x = random_normal(2, 19, shape.source.size + 2, shape.source.size + 2, layout=LAYOUTS[layout])
    inputs = [x.float(), random_normal(19, seed=1).float(), random_normal(2, 19, seed=2).float()]

    def op(device: str) -> Callable[..., Tensor]:
        up, down = (taps if taps is None else taps.to(device) for taps in filters)
        return lambda x, b, scale: cuda_ops.filtered_lrelu(x, b, scale, up, down, shape.up, shape.down, shape.padding)

    expected = output_and_gradients(op("cpu"), inputs)
    found = output_and_gradients(op("cuda"), [tensor.cuda() for tensor in inputs])
    for ours, right in zip(found, expected, strict=True):
        assert (ours.cpu() - right).abs().max() <= 1e-4 * right.abs().max()


@pytest.mark.parametrize("config", ["t", "r"])
def test_stylegan3_draws_what_it_draws_on_the_cpu(config: Literal["t", "r"]) -> None:
    ws = random_normal(2, 16, 8).float()
    images = [
        tiny_stylegan3(config).to(device)(Latent(Space.W_PLUS, ws.to(device))).cpu() for device in ("cpu", "cuda")
    ]
    assert (images[1] - images[0]).abs().max() <= 1e-4 * images[0].abs().max()


def test_a_generator_draws_what_it_draws_on_the_cpu() -> None:
    frozen = tiny_generator().freeze()
    ws = frozen.to_space(Latent(Space.Z, random_normal(3, TINY.z_dim).float()), Space.W_PLUS).data
    results = []
    for generator, device in ((frozen, "cpu"), (tiny_generator().freeze().cuda(), "cuda")):
        leaf = ws.to(device).requires_grad_()
        image = generator(Latent(Space.W_PLUS, leaf))
        results.append((image.detach().cpu(), torch.autograd.grad(image.square().sum(), leaf)[0].cpu()))
    for ours, expected in zip(results[1], results[0], strict=True):
        assert (ours - expected).abs().max() <= 1e-4 * expected.abs().max()
