"""The demo models, faces and limits that the tests of the evaluation share."""

from __future__ import annotations

import pytest

import styleclip
from styleclip.demo.judge import Judge, load_judge
from styleclip.evaluate.demo_world.limits import Limits
from styleclip.evaluate.demo_world.task import Portraits
from styleclip.models import Models
from styleclip.weights.catalog import checkpoint_path

SEEDS = range(3000, 3016)


@pytest.fixture(scope="package")
def models() -> Models:
    return styleclip.load("demo")


@pytest.fixture(scope="package")
def judge() -> Judge:
    return load_judge(checkpoint_path("demo/judge.safetensors"))


@pytest.fixture(scope="package")
def limits(models: Models) -> Limits:
    return Limits.of(models)


@pytest.fixture(scope="package")
def portraits(models: Models, judge: Judge) -> Portraits:
    return Portraits.of(models, judge, SEEDS)
