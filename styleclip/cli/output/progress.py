"""Progress bars on stderr, where that is a terminal; of long work and of downloads, too."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.output.printing import print_lines
from styleclip.interrupts import exit_code, is_interrupt
from styleclip.text.printable import printable
from styleclip.text.units import human_time

if TYPE_CHECKING:
    from styleclip.progress import Step
    from styleclip.weights.catalog import Weight


class Progress:
    """`with Progress(label, quiet) as progress:` - hand it to `on_step` as it is; it remembers the last step."""

    bar_format: str | None = None  # tqdm's own

    def __init__(self, label: str, quiet: bool = False, unit: str = "it") -> None:
        self.label, self.quiet, self.unit, self.last = printable(label), quiet, unit, 0

    def __enter__(self) -> Progress:
        from tqdm import tqdm

        self._bar: Any = tqdm(
            desc=self.label,
            disable=True if self.quiet else None,  # None: no bar where stderr is not a terminal
            leave=False,
            dynamic_ncols=True,
            unit=self.unit,
            unit_scale=self.unit == "B",
            bar_format=self.bar_format,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()

    def __call__(self, step: Step) -> None:
        if not self._bar.disable:
            self._bar.set_description(
                f"{self.label}, {printable(step.stage)}" if step.stage else self.label, refresh=False
            )
        self.show(step.index, step.total, step.values)

    def note(self, *lines: str) -> None:
        """Print lines on stderr, above the bar where there is one."""
        with self._bar.external_write_mode(file=sys.stderr):
            print_lines(*lines, err=True)

    def show(self, done: int, total: int | None, values: Mapping[str, float] | None = None) -> None:
        """Move the bar to `done` of `total` and show named values behind it."""
        self.last = done
        self._bar.total = total
        if values:
            shown = {name: f"{value:.3f}" for name, value in values.items()}
            self._bar.set_postfix(shown, refresh=False)
        self._bar.update(done - self._bar.n)


class StageProgress:
    """`with StageProgress(label) as progress:` - a bar for each stage of the work (`Step.stage`), one after another."""

    def __init__(self, label: str, quiet: bool = False) -> None:
        self.label, self.quiet = label, quiet
        self._stage: str | None = None

    def __enter__(self) -> StageProgress:
        self._open = ExitStack()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take away the bar, until the next step."""
        self._open.close()
        self._stage = None

    def __call__(self, step: Step) -> None:
        if step.stage != self._stage:
            self.close()
            self._stage = step.stage
            self._bar = self._open.enter_context(Progress(f"{self.label}: {step.stage}", self.quiet))
        self._bar(step)


class EtaProgress(Progress):
    """A bar for work of hours, with the time left; where there is no terminal, a line every LINE_EVERY seconds."""

    LINE_EVERY = 30.0
    bar_format = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"

    def __init__(
        self,
        label: str,
        quiet: bool = False,
        names: Collection[str] | None = None,
        untimed: Collection[str] = (),
    ) -> None:
        """`names` are those of the values to show; None for all. `untimed` are stages without the time left."""
        super().__init__(label, quiet)
        self.names, self.untimed = names, untimed
        self.step: Step | None = None  # the last one

    def __enter__(self) -> EtaProgress:
        super().__enter__()
        self._last_line = time.monotonic()
        self._first: tuple[int, float] | None = None  # steps done before this run, and when it began
        return self

    def __call__(self, step: Step) -> None:
        """Show a step; the rest takes its `seconds_left`, else it is taken to be as fast as the steps so far.

        The stages in `untimed`, which come first, show no time left.
        """
        now = time.monotonic()
        if step.stage in self.untimed:
            self._last_line = now
            super().__call__(step)
            return
        done, began = self._first = self._first or (step.index - 1, self._last_line)
        left = (now - began) / (step.index - done) * (step.total - step.index)
        values = {k: v for k, v in step.values.items() if self.names is None or k in self.names}
        self.step = step
        self.show_eta(step.index, step.total, step.values.get("seconds_left", left), values)

    def show_eta(self, done: int, total: int, left: float, values: Mapping[str, float] | None = None) -> None:
        """Move the bar to `done` of `total` and show named values; the rest will take `left` seconds."""
        words = ", ".join([f"{human_time(left)} left", *(f"{k} {v:.3f}" for k, v in (values or {}).items())])
        self._bar.set_postfix_str(words, refresh=False)
        self.show(done, total)
        if self._bar.disable and not self.quiet and time.monotonic() - self._last_line >= self.LINE_EVERY:
            self.note(f"{self.label}: {done:,} of {total:,}, {words}")
            self._last_line = time.monotonic()


@contextmanager
def exit_on_interrupt(message: str | Callable[[], str]) -> Iterator[None]:
    """End the command at Ctrl-C with a message, or that which a function gives then, and exit code 130."""
    try:
        yield
    except (KeyboardInterrupt, Exception) as error:
        if not is_interrupt(error):
            raise
        print_lines(f"Interrupted; {message if isinstance(message, str) else message()}", err=True)
        raise click.exceptions.Exit(exit_code()) from None


def fetch_with_progress(weight: Weight, offline: bool = False, quiet: bool = False) -> Path:
    """The file of a weight; a download shows its licence and a bar. Ctrl-C ends the command and keeps what came."""
    from styleclip.weights.cache import fetch

    if here := weight.on_disk:
        return here

    def announce(weight: Weight) -> None:
        what = "" if weight.what == weight.name else f" ({weight.what})"
        progress.note(f"Fetching {weight.name}{what}", f"Licence: {weight.licence}")

    kept = "what has come is kept, and the same command goes on from there"
    with exit_on_interrupt(kept), Progress(weight.path.name, quiet, unit="B") as progress:
        return fetch(weight, offline=offline or None, on_start=announce, on_progress=progress.show)
