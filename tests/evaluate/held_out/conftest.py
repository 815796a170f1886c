"""The demo models and judges, samples without an edit, and faces, which the tests of held-out evaluations share."""

from __future__ import annotations

import pytest

import styleclip
from styleclip.edit_source import EditSource
from styleclip.evaluate.held_out.bank_reader import BankReader
from styleclip.evaluate.held_out.judges import Judges, load_judges
from styleclip.evaluate.held_out.unedited import Unedited, see_unedited
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.seeds import sample_z

SEEDS = range(3200, 3212)
SAMPLES = 200


@pytest.fixture(scope="package")
def models() -> Models:
    return styleclip.load("demo")


@pytest.fixture(scope="package")
def judges(models: Models) -> Judges:
    return load_judges(models, "demo-judge-clip", "demo-judge-identity")


@pytest.fixture(scope="package")
def unedited(models: Models, judges: Judges) -> Unedited:
    return see_unedited(models, judges.clip, SAMPLES)


@pytest.fixture(scope="package")
def reader(judges: Judges, unedited: Unedited) -> BankReader:
    return BankReader(judges.clip, judges.bank, unedited.features)


@pytest.fixture(scope="package")
def source(models: Models) -> EditSource:
    """Faces by their z, which the oracle of the demo world edits."""
    latent = Latent(Space.Z, sample_z(SEEDS, models.generator.config.z_dim))
    return EditSource(models, latent, [f"seed {seed}" for seed in SEEDS], {"seeds": list(SEEDS)})
