"""Options from a settings dataclass: names, types, limits and help are those of its fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import click
import pytest
from click.testing import CliRunner, Result

from styleclip.cli.options.from_settings import Command, read_settings, settings_options
from styleclip.cli.options.types import SEEDS
from styleclip.errors import UsageError
from styleclip.settings import LossResolution, Strength, setting


@dataclass(frozen=True)
class Settings:
    """One field of every kind."""

    num_steps: int = setting(300, "Steps.", least=1, per_model=True)
    lr: float = setting(0.1, "Learning rate.", above=0)
    psi: float = setting(0.7, "Truncation.")
    sure: float | None = setting(None, "Probability.", least=0, most=1, advanced=True)
    space: Literal["w+", "s"] = setting("w+", "Space.")
    start: Literal["latent", "mean"] = setting("latent", "Start.", option="from")
    alpha: Strength = setting(4.0, "Strength.")
    side: LossResolution = setting("auto", "Resolution.", metavar="auto|full|PX")
    torgb: bool = setting(False, "toRGB.", per_model=True)
    half: bool = setting(False, "Half precision.")
    align: bool = setting(True, "Align.")
    levels: tuple[int, ...] = setting((0,), "Levels.")
    hidden: int = setting(0, "No option.", option="")


NAMES = ["num_steps", "lr", "psi", "sure", "space", "start", "alpha", "side", "torgb", "half", "align", "levels"]


def run(*arguments: str) -> tuple[dict[str, Any], Result]:
    """The values a command gets from `arguments`."""
    values: dict[str, Any] = {}

    @click.command(cls=Command)
    @settings_options(Settings, kinds={"levels": SEEDS})
    def command(**settings: Any) -> None:
        values.update(settings)

    return values, CliRunner().invoke(command, list(arguments))


def test_what_is_left_out_is_none() -> None:
    assert run()[0] == dict.fromkeys(NAMES)


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (("--num-steps", "7"), "num_steps", 7),
        (("--lr", "1e-3"), "lr", 1e-3),
        (("--psi", "-2"), "psi", -2.0),
        (("--sure", "1"), "sure", 1.0),
        (("--space", "s"), "space", "s"),
        (("--from", "mean"), "start", "mean"),
        (("--alpha=-3",), "alpha", -3.0),
        (("--alpha", "auto"), "alpha", "auto"),
        (("--side", "full"), "side", "full"),
        (("--side", "256"), "side", 256),
        (("--torgb",), "torgb", True),
        (("--no-torgb",), "torgb", False),
        (("--half",), "half", True),
        (("--no-align",), "align", False),
        (("--levels", "0-2"), "levels", (0, 1, 2)),
    ],
)
def test_values_have_the_type_of_the_field(arguments: tuple[str, ...], name: str, value: object) -> None:
    values, result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert values == {**dict.fromkeys(NAMES), name: value}
    assert type(values[name]) is type(value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--num-steps", "0"), "0 is not in the range x>=1"),
        (("--lr", "0"), "0.0 is not in the range x>0"),
        (("--psi", "nan"), "nan is not a finite number"),
        (("--sure", "1.5"), "1.5 is not in the range 0<=x<=1"),
        (("--space", "z"), "'z' is not one of 'w+', 's'"),
        (("--side", "3"), "'3' is not a resolution"),
        (("--no-half",), "No such option"),
        (("--hidden", "1"), "No such option"),
    ],
)
def test_limits_are_those_of_the_field(arguments: tuple[str, ...], words: str) -> None:
    _, result = run(*arguments)
    assert result.exit_code == 2 and words in result.stderr


def test_help_tells_defaults_and_limits() -> None:
    text = " ".join(run("--help")[1].stdout.split())
    assert "--num-steps N Steps. [default: the model's, else 300] [x>=1]" in text
    assert "--lr F Learning rate. [default: 0.1] [x>0]" in text
    assert "--torgb / --no-torgb toRGB. [default: the model's, else no-torgb]" in text
    assert "--align / --no-align Align. [default: align]" in text
    assert "--psi F Truncation. [default: 0.7] --space" in text
    assert "Advanced: --sure F Probability. [0<=x<=1]" in text


def test_fields_can_be_left_to_the_command() -> None:
    @click.command()
    @settings_options(Settings, without=("levels", "alpha"))
    def command(**settings: Any) -> None: ...

    names = {parameter.name for parameter in command.params}
    assert names == set(NAMES) - {"levels", "alpha"}


def test_settings_as_text() -> None:
    texts = (
        "num-steps=7",
        "lr=1e-2",
        "sure=1",
        "space=s",
        "alpha=auto",
        "side=64",
        "torgb=no",
        "half=true",
        "hidden=2",
    )
    assert read_settings(Settings, texts) == {
        "num_steps": 7,
        "lr": 0.01,
        "sure": 1.0,
        "space": "s",
        "alpha": "auto",
        "side": 64,
        "torgb": False,
        "half": True,
        "hidden": 2,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps=3", "is not a setting; write NAME=VALUE with one of num_steps, lr"),
        ("num_steps", "is not a setting"),
        ("num_steps=0", "is not a value of num_steps: 0 is not in the range"),
        ("space=z", "is not a value of space"),
        ("alpha=much", "is not a value of alpha"),
        ("torgb=perhaps", "is not a value of torgb"),
    ],
)
def test_settings_that_cannot_be(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_settings(Settings, [text])
