"""Settings of encoder trainings: their limits, and when offsets join."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from styleclip.errors import UsageError
from styleclip.training.encoder.settings import EncoderTraining
from tests.helpers.encoder_training import FEW
from tests.helpers.support import is_one_sentence


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        *(({name: 0}, f"{name} is 0; it must be at least 1") for name in ("steps", "held_out", "evaluate_every")),
        *(({name: -0.1}, f"{name} is -0.1; it must be a finite") for name in ("lr", "lambda_id", "jitter", "leak")),
        ({"samples": 1.5}, "samples is 1.5; it must be a finite number, 0 or more and at most 1"),
        ({"decay": 1.0}, "decay is 1.0; it must be below 1"),
        *(({"frame": side}, f"frame is {side}; it must be a power of 2, at least 16") for side in (8, 48)),
        ({"widths": (1, 2, 3)}, "widths are (1, 2, 3); give the channels of the 4 stages"),
        ({"widths": (1, 2, 3, 0)}, "give the channels of the 4 stages"),
        ({"kind": "restyle"}, "kind is 'restyle'; choose one of e4e, psp"),
        ({"leak": 2.0}, "leak is 2.0; it must be a finite number, 0 or more and at most 1"),
        *(({"seed": seed}, f"seed is {seed}; it must be at least 0 and at most 4294967295") for seed in (-1, 2**32)),
        ({f"lambda_{name}": 0.0 for name in ("l2", "perceptual", "id", "latent")}, "nothing is asked for; give"),
        ({"batch_size": 1, "frame": 16}, "one picture of 16 px is no batch to normalise; raise batch_size"),
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        EncoderTraining(**settings)
    assert is_one_sentence(caught.value)


def test_offsets_join_one_by_one() -> None:
    training = replace(FEW, steps=64, deltas_from=0.25, deltas_every=0.125)
    assert [training.active_deltas(step, 5) for step in (0, 15, 16, 23, 24, 47, 48, 63)] == [0, 0, 1, 1, 2, 4, 5, 5]
    assert [replace(training, deltas_every=0.0).active_deltas(step, 5) for step in (15, 16)] == [0, 5]
    assert replace(training, deltas_every=1e-320).active_deltas(50, 5) == 5
    assert replace(training, deltas_from=1.0).active_deltas(63, 5) == 0
