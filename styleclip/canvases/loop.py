"""The optimization of a canvas: parameters that render an image, such as strokes, a network or a generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from styleclip.errors import NumericError, UsageError
from styleclip.interrupts import defer_interrupts
from styleclip.progress import OnStep, Step, ignore
from styleclip.runtime.gradients import with_gradients
from styleclip.training.checkpoint import Checkpoint, Stateful

Losses = Callable[[int], Mapping[str, Tensor]]  # the weighted terms, scalars, of the step with this index from 0
Values = Mapping[str, float]
Schedule = Callable[[float], float]  # from the time, 0 to 1, to a factor of the learning rate
Keep = Literal["best", "last"]


@dataclass(frozen=True)
class Run:
    """How an optimization went.

    Args:
        steps: the steps that were done, those before a resumption included.
        kept_step: the steps after which the canvas had the state that it has now.
        values: the losses of that state, "loss" among them; those of the step before it where it was not evaluated.
        interrupted: whether Ctrl-C ended it.
        stopped: why `stop` ended it; "" where it did not.
    """

    steps: int
    kept_step: int
    values: Values
    interrupted: bool = False
    stopped: str = ""


@dataclass
class CanvasLoop:
    """Minimize losses over the parameters of a canvas.

    Args:
        canvas: takes and gives its state; all that is optimized is in it.
        optimizer: of its parameters.
        losses: the weighted terms of a step, whose sum is minimized. Random numbers in it are to depend on the index
            of the step alone, so that a resumed optimization ends in the same bits.
        steps: how many.
        schedules: a factor of the learning rate over time: one for each group of the optimizer, or one for all.
        after_step: called with the number of steps done after each of them, e.g. to keep values within limits.
        evaluate: the losses of the canvas as it stands, "loss" among them, every `evaluate_every` steps and at the end.
            Without it those of the steps are taken.
        stop: called with the steps done and the values of every evaluation; a reason ends the optimization.
        keep: the state that the canvas has at the end: the last one, or the one with the lowest loss.
        remedy: what to do about a loss that is not finite, for its error.

    Example:
        loop = CanvasLoop(strokes, torch.optim.Adam(strokes.parameters(), lr=1.0), losses, steps=500, keep="best")
        run = loop.run(on_step)
    """

    canvas: Stateful
    optimizer: torch.optim.Optimizer
    losses: Losses
    steps: int
    schedules: Sequence[Schedule] = ()
    after_step: Callable[[int], None] | None = None
    evaluate: Callable[[], Values] | None = None
    evaluate_every: int = 10
    stop: Callable[[int, Values], str] | None = None
    keep: Keep = "last"
    remedy: str = "lower the learning rate"
    kept: KeptState = field(init=False)

    def __post_init__(self) -> None:
        self.kept = KeptState(self.keep)
        self._peak_lr = [float(group["lr"]) for group in self.optimizer.param_groups]

    @property
    def state(self) -> dict[str, Stateful]:
        """The parts of a `Checkpoint`."""
        return {"canvas": self.canvas, "optimizer": self.optimizer, "kept": self.kept}

    @with_gradients
    def run(self, on_step: OnStep = ignore, done: int = 0, checkpoint: Checkpoint | None = None) -> Run:
        """Go on after `done` steps, and leave the state to keep in the canvas.

        `checkpoint` is saved on the way, and by Ctrl-C, which is raised only before the first step is done. Raises
        NumericError for a loss that is not finite, and UsageError where no loss has a weight.
        """
        first, interrupted, stopped = done, False, ""
        try:
            for i in range(done, self.steps):
                self._set_lr(i / self.steps)
                terms = self.losses(i)
                if not any(term.requires_grad for term in terms.values()):
                    raise UsageError("no loss depends on the picture; give one of them a weight above 0")
                loss = torch.stack([*terms.values()]).sum()
                values: Values = {"loss": loss.item(), **{name: term.item() for name, term in terms.items()}}
                if not loss.isfinite():
                    raise NumericError(f"the loss became {values['loss']} at step {i}; {self.remedy}")
                if self.evaluate is None:
                    self.kept.offer(i, values, self.canvas)
                with defer_interrupts():
                    self._update(loss)
                    done = i + 1
                    if self.after_step is not None:
                        self.after_step(done)
                if self._is_evaluation(done):
                    if self.evaluate is not None:
                        values = torch.no_grad()(self.evaluate)()
                        self.kept.offer(done, values, self.canvas)
                    stopped = self.stop(done, values) if self.stop is not None else ""
                on_step(Step(done, self.steps, values))
                if stopped:
                    break
                if checkpoint is not None:
                    checkpoint.save_if_due(done)
        except KeyboardInterrupt:
            if done == first:
                raise
            interrupted = True
            if checkpoint is not None:
                checkpoint.save(done)
        kept_step = self.kept.restore(self.canvas, done)
        return Run(done, kept_step, self.kept.values, interrupted, stopped)

    def _set_lr(self, time: float) -> None:
        for i, group in enumerate(self.optimizer.param_groups):
            factor = self.schedules[i if len(self.schedules) > 1 else 0](time) if self.schedules else 1.0
            group["lr"] = self._peak_lr[i] * factor

    def _update(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _is_evaluation(self, done: int) -> bool:
        return self.evaluate is None or done % self.evaluate_every == 0 or done == self.steps


class KeptState:
    """The state of a canvas with the lowest loss so far, where `keep` is "best"; its values in any case."""

    def __init__(self, keep: Keep) -> None:
        self.keep = keep
        self.step, self.values, self.tensors = 0, dict[str, float](), dict[str, Tensor]()

    def offer(self, step: int, values: Values, canvas: Stateful) -> None:
        """Keep the canvas as it stands after `step` steps, unless an earlier one was better."""
        if self.keep == "best" and self.values and values["loss"] >= self.values["loss"]:
            return
        self.step, self.values = step, dict(values)
        if self.keep == "best":
            self.tensors = {name: tensor.detach().clone() for name, tensor in canvas.state_dict().items()}

    def restore(self, canvas: Stateful, done: int) -> int:
        """Give the canvas the state to keep; returns the number of steps it had, of `done`."""
        if not self.tensors:
            return done
        canvas.load_state_dict(self.tensors)
        return self.step

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "values": self.values, "tensors": self.tensors}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.step, self.values, self.tensors = int(state["step"]), dict(state["values"]), dict(state["tensors"])
