"""How long pictures take at each resolution, and the resolution that a picture is drawn at while a slider moves."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

DRAG_MS = 40.0  # that a picture may take while a slider moves
SHARE = 0.5  # of the time of the next resolution, until it was measured
TRIALS = 3  # before the times of a resolution count; the first picture of a kind is slow
KEPT = 6  # times of a resolution; the least counts, as other work only makes pictures slower


class Ladder:
    """The times of one generator.

    Args:
        resolutions: of previews, in ascending order.

    Example:
        ladder = Ladder([64, 128, 256])
        ladder.note(None, 900.0)  # a full picture took 900 ms
        ladder.preview()  # 64, the finest that is quick enough, or 64 where none is
    """

    def __init__(self, resolutions: Sequence[int]) -> None:
        self.resolutions = list(resolutions)
        self._times: defaultdict[int | None, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))

    def note(self, resolution: int | None, ms: float) -> None:
        """Note the time of a picture; None for a full one."""
        self._times[resolution].append(ms)

    @property
    def full_ms(self) -> float | None:
        """The time of a full picture; None before there was one."""
        return min(self._times[None], default=None)

    def preview(self) -> int | None:
        """The resolution to draw while a slider moves; None for full pictures."""
        if self.full_ms is None or self.full_ms <= DRAG_MS or not self.resolutions:
            return None
        estimate = self.full_ms
        for resolution in reversed(self.resolutions):
            times = self._times[resolution]
            estimate = min(times) if len(times) >= TRIALS else SHARE * estimate
            if estimate <= DRAG_MS:
                return resolution
        return self.resolutions[0]
