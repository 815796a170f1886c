"""How long pictures take at each resolution, and the resolution that a picture is drawn at while a slider moves."""

from __future__ import annotations

from collections.abc import Sequence

DRAG_MS = 40.0  # that a picture may take while a slider moves
SHARE = 0.5  # of the time of the next resolution, until it was measured
MEMORY = 0.7  # of the mean in a new measurement


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
        self._times: dict[int | None, float] = {}  # ms by resolution, None for full pictures

    def note(self, resolution: int | None, ms: float) -> None:
        """Take the time of a picture; a shorter one counts at once, since the first of a kind are slow."""
        before = self._times.get(resolution, ms)
        self._times[resolution] = min(ms, MEMORY * before + (1 - MEMORY) * ms)

    @property
    def full_ms(self) -> float | None:
        """The time of a full picture; None before there was one."""
        return self._times.get(None)

    def preview(self) -> int | None:
        """The resolution to draw while a slider moves; None for full pictures."""
        if self.full_ms is None or self.full_ms <= DRAG_MS or not self.resolutions:
            return None
        estimate = self.full_ms
        for resolution in reversed(self.resolutions):
            estimate = self._times.get(resolution, SHARE * estimate)
            if estimate <= DRAG_MS:
                return resolution
        return self.resolutions[0]
