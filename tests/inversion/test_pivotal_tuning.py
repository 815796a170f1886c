"""Pivotal tuning on tiny random networks: nearer at the pivot, unchanged elsewhere, small; files and errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from styleclip.errors import NumericError, UsageError, WeightError
from styleclip.inversion.generator_delta import GeneratorDelta, load_tuning, save_tuning
from styleclip.inversion.pivotal_tuning import PivotalTuning, initial_factors
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.progress import Step
from styleclip.weights.formats.own_files import KIND, save_tensors
from styleclip.weights.formats.registry import read_all
from styleclip.weights.load import fingerprint
from styleclip.weights.safe_pickle.lazy_tensors import read_tensor
from tests.helpers.tiny import tiny_generator, tiny_models

QUICK = PivotalTuning(steps=25, lr=0.01, rank=2, alpha=3.0)
PIVOT, OTHERS = 0, (1, 2, 3, 4)


def seeded_models(seed: int = 0) -> Models:
    generator = tiny_generator(seed=seed)
    return tiny_models(generator=generator, provenance={"generator": {"network": fingerprint(generator)}})


@pytest.fixture(scope="module")
def models() -> Models:
    return seeded_models()


@pytest.fixture(scope="module")
def tuning(models: Models) -> GeneratorDelta:
    return QUICK(models, target(), latent(models, PIVOT))


def latent(models: Models, *seeds: int) -> Latent:
    z = torch.stack([torch.randn(12, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
    return models.generator.to_space(Latent(Space.Z, z), Space.W_PLUS)


def target() -> Tensor:
    """A picture that the generator does not draw."""
    return torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(9)) * 2 - 1


def mean_error(models: Models, image: Tensor, *seeds: int) -> float:
    return (models.render(latent(models, *seeds)) - image).square().mean().item()


def test_the_pivot_draws_the_target_better(models: Models) -> None:
    steps = list[Step]()
    tuned = QUICK(models, target(), latent(models, PIVOT), steps.append).apply(models)
    assert mean_error(tuned, target(), PIVOT) < 0.9 * mean_error(models, target(), PIVOT)
    assert [step.index for step in steps] == list(range(1, 26)) and steps[0].total == 25
    assert steps[0].values.keys() == {"loss", "pixel", "identity", "locality"} and steps[0].values["locality"] < 1e-9
    assert steps[-1].values["pixel"] < steps[0].values["pixel"]


def test_locality_keeps_the_rest(models: Models) -> None:
    before = models.render(latent(models, *OTHERS))
    apart = []
    for weight in (0.0, 1.0, 30.0):
        tuned = replace(QUICK, lambda_locality=weight)(models, target(), latent(models, PIVOT)).apply(models)
        apart.append(mean_error(tuned, before, *OTHERS))
    assert apart[0] > apart[1] > apart[2]


def test_the_generator_itself_stays_bit_for_bit() -> None:
    models = seeded_models()
    before = {name: tensor.clone() for name, tensor in models.generator.state_dict().items()}
    tuned = QUICK(models, target(), latent(models, PIVOT)).apply(models)
    assert all(torch.equal(tensor, before[name]) for name, tensor in models.generator.state_dict().items())
    assert all(not p.requires_grad and p.grad is None for p in models.generator.parameters())
    assert all(not p.requires_grad for p in tuned.generator.parameters()) and not tuned.generator.training
    assert tuned.generator.mapping.w_avg.data_ptr() == models.generator.mapping.w_avg.data_ptr(), "shared"


def test_it_is_never_worse_than_the_pivot_and_reproducible(models: Models, tuning: GeneratorDelta) -> None:
    wild = replace(QUICK, lr=30.0, steps=5)(models, target(), latent(models, PIVOT))
    rounding = 1 + 1e-5  # a tuned generator is frozen, so it adds in another order
    assert mean_error(wild.apply(models), target(), PIVOT) <= mean_error(models, target(), PIVOT) * rounding
    assert QUICK(models, target(), latent(models, PIVOT)).sha256 == tuning.sha256
    assert replace(QUICK, seed=1)(models, target(), latent(models, PIVOT)).sha256 != tuning.sha256


def test_tuned_models_say_so_and_keep_the_rest(models: Models, tuning: GeneratorDelta) -> None:
    tuned = tuning.apply(models)
    assert tuned.provenance["tuned"] == tuning.sha256 and "tuned" not in models.provenance
    assert (
        tuned.generator_fingerprint == models.generator_fingerprint
        and tuned.clip is models.clip
        and tuned.identity is models.identity
    )
    with pytest.raises(WeightError, match="tuned already"):
        tuning.apply(tuned)


def test_a_file_gives_the_same_pictures(models: Models, tuning: GeneratorDelta, tmp_path: Path) -> None:
    path = save_tuning(tuning, tmp_path / "face.safetensors")
    [part] = read_all(path)
    assert part.kind == "tuning" and {read_tensor(tensor).dtype for tensor in part.tensors.values()} == {torch.float16}
    again = load_tuning(path, models)
    assert again.about == tuning.about and again.about["rank"] == 2 and again.sha256 == tuning.sha256
    seen = [each.apply(models).render(latent(models, PIVOT, *OTHERS)) for each in (tuning, again)]
    assert torch.equal(*seen)


def test_large_numbers_are_kept_in_full(models: Models, tuning: GeneratorDelta, tmp_path: Path) -> None:
    large = replace(tuning, factors={name: 1e6 * factor for name, factor in tuning.factors.items()})
    assert load_tuning(save_tuning(large, tmp_path / "large.safetensors"), models).sha256 == large.sha256


def test_another_generator_is_refused(models: Models, tuning: GeneratorDelta, tmp_path: Path) -> None:
    path, other = save_tuning(tuning, tmp_path / "face.safetensors"), seeded_models(seed=5)
    for call in (lambda: load_tuning(path, other), lambda: tuning.apply(other)):
        with pytest.raises(WeightError, match="another generator; pass that one with --model"):
            call()


def test_damaged_files_are_refused(models: Models, tuning: GeneratorDelta, tmp_path: Path) -> None:
    path = tmp_path / "face.safetensors"
    about = {KIND: "tuning", "about": json.dumps({"generator": models.generator_fingerprint})}
    factors = dict(tuning.factors)
    left, right = (f"synthesis.b8.conv1.weight.{end}" for end in ("left", "right"))
    for changed, reason in (
        ({**factors, left: factors[left] * torch.nan}, "holds NaN"),
        ({**factors, left: factors[left][:, :1]}, "does not fit this generator"),
        ({name: factor for name, factor in factors.items() if name != right}, "does not fit this generator"),
        ({**factors, "synthesis.b8.torgb.bias": torch.ones(4)}, "does not fit this generator"),
        ({**factors, "mapping.fc0.bias": torch.ones(10)}, "changes mapping.fc0.bias, which tuning leaves alone"),
    ):
        save_tensors(changed, path, about)
        with pytest.raises(WeightError, match=reason) as caught:
            load_tuning(path, models)
        assert str(caught.value).startswith(f"{path}: ")
    for metadata in ({KIND: "tuning"}, {KIND: "tuning", "about": "[1]"}, {KIND: "tuning", "about": "{"}):
        save_tensors(factors, path, metadata)
        with pytest.raises(WeightError):
            load_tuning(path, models)
    save_tuning(tuning, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightError, match="damaged"):
        load_tuning(path, models)


def test_one_picture_at_a_time(models: Models) -> None:
    with pytest.raises(UsageError, match="tune each"):
        QUICK(models, target().expand(2, -1, -1, -1), latent(models, 0, 1))


def test_nan_is_one_sentence() -> None:
    models = seeded_models()
    models.generator.synthesis.get_parameter("b16.torgb.bias").fill_(torch.nan)
    with pytest.raises(NumericError, match="became nan at step 0; lower"):
        QUICK(models, target(), latent(models, PIVOT))


@pytest.mark.parametrize("field", ["steps", "rank", "lr", "alpha", "lambda_locality"])
def test_senseless_settings_are_refused(field: str) -> None:
    with pytest.raises(UsageError, match=field):
        PivotalTuning(**{field: -1})


def test_the_file_of_a_face_at_1024_px_is_small() -> None:
    """1.9 MB, where the generator of FFHQ has 121 MB (config F)."""
    channels = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
    with torch.device("meta"):
        generator = Generator(StyleGAN2Config(512, 512, (512,) * 8, channels))
    factors = initial_factors(generator, PivotalTuning().rank, torch.Generator())
    numbers = sum(factor.numel() for factor in factors.values())
    assert numbers == 974_715 and 2 * numbers < 2e6
