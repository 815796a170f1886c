"""The optimization of a canvas: what is kept, when it stops, and how it is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from styleclip.canvases.loop import CanvasLoop
from styleclip.errors import NumericError, UsageError
from styleclip.progress import Step
from styleclip.training.checkpoint import Checkpoint


class Point(nn.Module):
    """A canvas of two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.tensor([4.0, -3.0]))


def noisy_losses(point: Point) -> Any:
    """The distance from (1, 1), seen under noise that depends on the step alone."""

    def losses(step: int) -> Mapping[str, Tensor]:
        noise = torch.randn(2, generator=torch.Generator().manual_seed(step))
        return {"near": (point.place - 1 + 0.3 * noise).square().sum(), "small": 0.01 * point.place.square().sum()}

    return losses


def make_loop(steps: int = 30, **options: Any) -> tuple[Point, CanvasLoop]:
    point = Point()
    return point, CanvasLoop(point, torch.optim.Adam(point.parameters(), lr=0.3), noisy_losses(point), steps, **options)


def test_the_last_state_is_kept() -> None:
    point, loop = make_loop()
    steps: list[Step] = []
    run = loop.run(steps.append)
    assert (run.steps, run.kept_step, run.interrupted, run.stopped) == (30, 30, False, "")
    assert [step.index for step in steps] == [*range(1, 31)]
    assert steps[0].values["loss"] == pytest.approx(steps[0].values["near"] + steps[0].values["small"])
    assert (point.place - 1).norm() < 1


def test_the_state_with_the_lowest_evaluation_is_kept() -> None:
    point, seen = Point(), []

    def evaluate() -> dict[str, float]:
        seen.append(point.place.detach().clone())
        return {"loss": float((point.place[0] - 3).square())}  # passed on the way to (1, 1)

    optimizer = torch.optim.Adam(point.parameters(), lr=0.3)
    run = CanvasLoop(point, optimizer, noisy_losses(point), 30, evaluate=evaluate, evaluate_every=4, keep="best").run()
    distances = [float((place[0] - 3).square()) for place in seen]
    best = distances.index(min(distances))
    assert run.kept_step == [4, 8, 12, 16, 20, 24, 28, 30][best] < 30
    assert torch.equal(point.place, seen[best])
    assert run.values["loss"] == pytest.approx(min(distances))


def test_a_reason_stops_it() -> None:
    _, loop = make_loop(stop=lambda done, values: "near enough" if values["loss"] < 3 else "")
    run = loop.run()
    assert run.stopped == "near enough"
    assert 1 < run.steps < 30


def test_schedules_are_of_the_groups() -> None:
    point, seen = Point(), []
    optimizer = torch.optim.SGD([{"params": [point.place], "lr": 0.1}, {"params": [nn.Parameter(torch.ones(1))]}], lr=1)

    def losses(step: int) -> Mapping[str, Tensor]:
        seen.append([group["lr"] for group in optimizer.param_groups])
        return {"near": point.place.square().sum()}

    CanvasLoop(point, optimizer, losses, 4, schedules=[lambda t: 1 - t, lambda t: 1.0]).run()
    assert [lr for lr, _ in seen] == pytest.approx([0.1, 0.075, 0.05, 0.025])
    assert [lr for _, lr in seen] == [1.0] * 4


@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_resumed_optimization_ends_in_the_same_bits(tmp_path: Path, keep: Any) -> None:
    whole, loop = make_loop(keep=keep)
    expected = loop.run()

    def interrupt(step: Step) -> None:
        if step.index == 12:
            raise KeyboardInterrupt

    _, loop = make_loop(keep=keep)
    checkpoint = Checkpoint(tmp_path, {"steps": 30}, loop.state)
    first = loop.run(interrupt, checkpoint=checkpoint)
    assert first.interrupted
    assert first.steps == 12

    point, loop = make_loop(keep=keep)
    checkpoint = Checkpoint(tmp_path, {"steps": 30}, loop.state)
    run = loop.run(done=checkpoint.resume(), checkpoint=checkpoint)
    assert torch.equal(point.place, whole.place)
    assert run == expected


def test_ctrl_c_before_the_first_step_is_raised() -> None:
    def losses(step: int) -> Mapping[str, Tensor]:
        raise KeyboardInterrupt

    point = Point()
    with pytest.raises(KeyboardInterrupt):
        CanvasLoop(point, torch.optim.Adam(point.parameters()), losses, 3).run()


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    point = Point()
    loop = CanvasLoop(point, torch.optim.SGD(point.parameters(), lr=1e30), noisy_losses(point), 9, remedy="lower --lr")
    with pytest.raises(NumericError, match=r"the loss became (inf|nan) at step \d; lower --lr"):
        loop.run()


@pytest.mark.parametrize("terms", [{}, {"fixed": torch.tensor(1.0)}])
def test_losses_without_a_weight_are_refused(terms: Mapping[str, Tensor]) -> None:
    point = Point()
    loop = CanvasLoop(point, torch.optim.Adam(point.parameters()), lambda step: terms, 3)
    with pytest.raises(UsageError, match="no loss depends on the picture; give one of them a weight above 0"):
        loop.run()
