"""Learning-rate schedules: functions of the time t, from 0 to 1, to a factor of the peak learning rate."""

from __future__ import annotations

import math


def projector_schedule(t: float, ramp_down: float = 0.25, offset: float = 0.0) -> float:
    """A linear rise over the first 5 %, a cosine fall over the last `ramp_down` of the time.

    The schedule of StyleGAN2's projector (Karras et al. 2020, appendix D), which StyleCLIP uses too. `offset` shifts
    the rise, so that the first step is not of length 0.
    """
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / ramp_down))
    return fall * min(1.0, (t + offset) / 0.05)


def inversion_schedule(t: float) -> float:
    """`projector_schedule` with a fall over the second half, which ends closer to the minimum."""
    return projector_schedule(t, ramp_down=0.5, offset=0.005)
