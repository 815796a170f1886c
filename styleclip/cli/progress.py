"""The progress bar: on stderr, and only when that is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from styleclip.records import Step


class Progress:
    """`with Progress(label, quiet) as progress:` - hand it to `on_step` as it is; it remembers the last step."""

    def __init__(self, label: str, quiet: bool = False, unit: str = "it") -> None:
        self.label, self.quiet, self.unit, self.last = label, quiet, unit, 0

    def __enter__(self) -> Progress:
        from tqdm import tqdm

        self._bar: Any = tqdm(
            desc=self.label,
            disable=True if self.quiet else None,  # None: no bar where stderr is not a terminal
            leave=False,
            dynamic_ncols=True,
            unit=self.unit,
            unit_scale=self.unit == "B",
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()

    def __call__(self, step: Step) -> None:
        self.show(step.index, step.total, step.losses)

    def note(self, line: str) -> None:
        """Print a line on stderr, above the bar where there is one."""
        self._bar.write(line, file=sys.stderr)

    def show(self, done: int, total: int | None, values: dict[str, float] | None = None) -> None:
        """Move the bar to `done` of `total` and show named values behind it."""
        self.last = done
        self._bar.total = total
        if values:
            shown = {name: f"{value:.3f}" for name, value in values.items()}
            self._bar.set_postfix(shown, refresh=False)
        self._bar.update(done - self._bar.n)
