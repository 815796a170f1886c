"""Settings: defaults, limits and help are written once, as metadata of the fields."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import pytest

from styleclip.errors import UsageError
from styleclip.settings import Strength, check_limits, published_values, resolve, setting, settings_of
from tests.helpers.support import run_python


@dataclass(frozen=True)
class Example:
    steps: int = setting(300, "Steps.", least=1, per_model=True)
    lr: float = setting(0.1, "Learning rate.", above=0)
    share: float = setting(0.5, "Share.", least=0, most=1)
    kind: Literal["a", "b"] = setting("a", "Kind.", per_model=True)
    alpha: Strength = setting("auto", "Strength.")
    channels: int | None = setting(None, "Channels.", least=1)
    label: str = "not a setting"

    def __post_init__(self) -> None:
        check_limits(self)


def test_a_setting_that_depends_on_the_model_is_open_until_it_is_resolved() -> None:
    assert (Example().steps, Example().lr, Example().kind) == (None, 0.1, None)
    assert resolve(Example(), {}) == Example(steps=300, kind="a")
    assert resolve(Example(kind="b"), {"steps": 7, "kind": "a", "lr": 0.9}) == Example(steps=7, kind="b")
    assert resolve(Example(), {"steps": 7}, keep_open=["steps"]) == Example(kind="a")


def test_published_values() -> None:
    assert published_values(Example) == {
        "steps": 300, "lr": 0.1, "share": 0.5, "kind": "a", "alpha": "auto", "channels": None
    }  # fmt: skip
    assert settings_of(Example)["steps"].help == "Steps."


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"steps": 0}, "steps is 0; it must be at least 1"),
        ({"channels": 0}, "channels is 0; it must be at least 1"),
        ({"steps": 10**8}, "steps is 100000000; it must be at least 1 and at most 10000000"),
        ({"steps": 10**5000}, "steps is a whole number of 16610 bits; it must be at least 1 and at most 10000000"),
        ({"lr": 1e300}, "lr is 1e+300; it must be a finite number, above 0 and at most 1e+30"),
        ({"alpha": -1e300}, "alpha is -1e+300; it must be a finite number, from -1e+30 to 1e+30"),
        ({"steps": 2.5}, "steps is '2.5'; it must be a whole number"),
        ({"lr": "0.1"}, "lr is '0.1'; it must be a number"),
        ({"lr": 0.0}, "lr is 0.0; it must be a finite number, above 0"),
        ({"lr": math.nan}, "lr is nan; it must be a finite number, above 0"),
        ({"share": 1.5}, "share is 1.5; it must be a finite number, 0 or more and at most 1"),
        ({"alpha": math.inf}, "alpha is inf; it must be a finite number"),
        ({"alpha": "much"}, "alpha is 'much'; choose auto or a number"),
        ({"kind": "c"}, "kind is 'c'; choose one of a, b"),
    ],
)
def test_limits(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        Example(**values)  # type: ignore[arg-type]
    assert str(error.value) == sentence


def test_what_is_within_the_limits_is_taken() -> None:
    taken = Example(steps=1, lr=1e-9, share=1, kind="b", alpha=-3, channels=None)
    assert (taken.steps, taken.alpha, taken.kind) == (1, -3, "b")


def test_settings_of_the_editors_need_no_torch() -> None:
    ran = run_python("-c", "import sys, styleclip.methods.settings; sys.exit('torch' in sys.modules)")
    assert ran.returncode == 0, ran.stderr
