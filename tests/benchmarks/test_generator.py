"""The benchmark of the generator: the bound runs the generator's own convolutions; tables match the measurements."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import published_stylegan3
from benchmarks.convolutions import ConvolutionBound, multiplication_count
from benchmarks.generator import BACKWARD, BOUND, FORWARD, PUBLISHED, THAWED, markdown, render_ours, render_works
from benchmarks.shares import shares_table, time_shares
from benchmarks.tools import KERNEL_LABELS, Setup
from styleclip.images import from_pil
from tests.helpers.bench_runner import SMALL, run_bench, run_bench_json
from tests.helpers.tiny import tiny_generator
from tests.helpers.tiny_stylegan3 import tiny_stylegan3

aten = torch.ops.aten


def dense(x: list[int], weight: list[int], *rest: Any, out_shape: list[int], **_: Any) -> int:
    """Twice the multiplications of a convolution; none of a filter, which runs over every channel by itself."""
    (*_, transposed, _, groups) = rest
    pixels = x[2] * x[3] if transposed else out_shape[2] * out_shape[3]
    return 2 * x[0] * pixels * torch.Size(weight).numel() * (groups == 1)


def counted(work: Callable[[], object]) -> int:
    """Multiplications of the convolutions in some work."""
    with FlopCounterMode(display=False, custom_mapping={aten.convolution: dense}) as counter:
        work()
    counts = counter.get_flop_counts()["Global"]
    return sum(counts.get(op, 0) for op in (aten.convolution, aten.bmm)) // 2  # bmm: toRGB where it is none


def test_the_bound_multiplies_as_the_generator_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_OPS", "reference")
    generator = tiny_generator().freeze()
    expected = multiplication_count(generator, generator.resolution)
    assert expected == 16 * 9 * 6 * 6 + 16 * 3 * 6 + 16 * 9 * 6 * 5 + 64 * 9 * 5 * 5 + 64 * 3 * 5 + (
        64 * 9 * 5 * 4 + 256 * 9 * 4 * 4 + 256 * 3 * 4
    )
    assert counted(render_works(generator, render_ours)[FORWARD]) == expected
    assert counted(ConvolutionBound(generator).forward) == expected
    assert multiplication_count(generator, 8) < expected


def test_the_bound_goes_backward_to_its_inputs() -> None:
    bound = ConvolutionBound(tiny_generator().freeze())
    gradients = [run() for run in bound._backward]
    shapes = [[1, 6, 4, 4], [1, 6, 4, 4], [1, 6, 4, 4], [1, 5, 8, 8], [1, 5, 8, 8], [1, 5, 8, 8], *[[1, 4, 16, 16]] * 2]
    assert [[*gradient.shape] for (gradient,) in gradients] == shapes
    assert all(gradient.abs().max() > 0 for (gradient,) in gradients)


@pytest.mark.parametrize("config", ["t", "r"])
def test_the_published_stylegan3_draws_the_same_picture(config: Literal["t", "r"]) -> None:
    generator = tiny_stylegan3(config)
    w_plus = torch.randn(1, generator.num_ws, 8)
    ours, published = (draw(generator, w_plus) for draw in (render_ours, published_stylegan3.render))
    assert (ours - published).abs().max() <= 1e-5 * published.abs().max()


@pytest.mark.parametrize("config", ["t", "r"])
def test_the_bound_of_stylegan3_multiplies_as_the_generator_does(
    config: Literal["t", "r"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLECLIP_OPS", "reference")
    generator = tiny_stylegan3(config)
    expected = multiplication_count(generator, generator.resolution)
    assert counted(ConvolutionBound(generator).forward) == expected
    mixing = generator.synthesis.input.weight.numel() * generator.synthesis.input.size**2  # of the Fourier features
    rest = counted(render_works(generator, render_ours)[FORWARD]) - expected - mixing
    assert 0 <= rest < 100  # of the 3x3 matrices that move the input


def test_backward_reaches_the_latent() -> None:
    seen: list[torch.Tensor] = []

    def draw(generator: Any, w_plus: torch.Tensor) -> torch.Tensor:
        seen.append(w_plus)
        return render_ours(generator, w_plus)

    render_works(tiny_generator().freeze(), draw)[BACKWARD]()
    assert seen[-1].grad is not None and seen[-1].grad.abs().max() > 0


@pytest.mark.usefixtures("fork_server")
def test_the_rows() -> None:
    found = run_bench_json("generator", "--repeats", "1")
    which = [f"ours, {KERNEL_LABELS[each]}" for each in SMALL.kernels]
    names = [BOUND, *which, THAWED, PUBLISHED]
    assert [(row["name"], row["work"]) for row in found["results"]] == [
        (n, w) for n in names for w in (FORWARD, BACKWARD)
    ]
    rows = {(row["name"], row["work"]): row for row in found["results"]}
    for (_, work), row in rows.items():
        assert 0 < row["least"] <= row["seconds"] and row["memory"] > 0
        assert row["ratio_to_bound"] == pytest.approx(row["seconds"] / rows[BOUND, work]["seconds"])
        assert row["least_ratio_to_published"] == pytest.approx(row["least"] / rows[PUBLISHED, work]["least"])
    assert found["growth"] == [] and found["about"]["kernels"] == KERNEL_LABELS[SMALL.kernels[0]]
    assert markdown(found["results"]).count("\n| ours") == 2 * len([*which, THAWED])


def test_where_the_time_goes() -> None:
    works = render_works(tiny_generator().freeze(), render_ours)
    rows = time_shares(works, torch.device("cpu"))
    for work in works:
        own = {row["kind"]: row for row in rows if row["work"] == work}
        assert sum(row["share"] for row in own.values()) == pytest.approx(1)
        assert own["convolutions"]["seconds"] > 0 and own["matrix products"]["seconds"] > 0
    assert {line.count("|") for line in shares_table(rows).splitlines()} == {6}


def test_the_plot(tmp_path: Path) -> None:
    from PIL import Image

    text = run_bench("generator", "--repeats", "1", "--plot", str(tmp_path / "growth.png"))
    assert "Where the time goes (ours, " in text
    with Image.open(tmp_path / "growth.png") as picture:
        assert from_pil([picture.convert("RGB").resize((64, 64))]).std() > 0


def test_growth() -> None:
    from benchmarks.generator import works_of_size
    from benchmarks.growth import measure_growth

    generator = tiny_generator().freeze()
    rows = measure_growth(generator, works_of_size, quick=False)
    cells = [(side, batch, work) for side in (4, 8, 16) for batch in (1, 2, 4, 8) for work in (FORWARD, BACKWARD)]
    assert [(row["resolution"], row["batch"], row["work"]) for row in rows] == cells
    assert all(row["seconds"] > 0 for row in rows)
    assert {row["resolution"]: row["multiplications"] for row in rows} == {
        side: multiplication_count(generator, side) for side in (4, 8, 16)
    }


def test_lower_precision_is_that_of_the_layers() -> None:
    setup = Setup(SMALL.device, (torch.bfloat16,), 1, "small", True)
    bound = ConvolutionBound(setup.generator(1024).to_mixed_precision(torch.bfloat16, above=8))
    precisions = [run.args[0].dtype for run in bound._backward]
    assert precisions[:4] == [torch.float32] * 4 and set(precisions[6:]) == {torch.bfloat16}
