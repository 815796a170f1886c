"""Samples seen by CLIP: the same for any division of the work, and kept in the cache folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import styleclip
from styleclip.errors import NumericError, UsageError
from styleclip.latents import Latent, Space
from styleclip.losses import loss_resolution_px
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.progress import Step
from styleclip.stylespace import samples as module
from styleclip.stylespace.samples import BLOCK, models_samples, sample_w, see_samples
from styleclip.stylespace.statistics import sample_z
from styleclip.weights.catalog import home
from styleclip.weights.sample_files import load_samples, samples_path, save_samples
from tests.helpers.tiny import TINY, tiny_clip, tiny_generator, tiny_models

MODELS = tiny_models()


@pytest.fixture
def fresh(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    """The tiny models from files, with an empty cache."""
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    return load_fresh(files)


def load_fresh(files: tuple[Path, Path]) -> Models:
    return styleclip.load(str(files[0]), clip=files[1], identity="none")


def forbid_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    def render(*_: object) -> None:
        raise AssertionError("a sample was rendered again")

    monkeypatch.setattr(Models, "clip_features", render)


# --- see_samples


def test_a_feature_is_that_of_the_image_of_its_latent() -> None:
    samples = see_samples(MODELS, 7, seed=3, psi=0.6)
    z = torch.from_numpy(sample_z(MODELS.generator, 7, 3).numpy())
    w = MODELS.generator.truncate(Latent(Space.Z, z), 0.6)
    expected = MODELS.clip.encode_image(MODELS.generator(w))
    torch.testing.assert_close(samples.features, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(sample_w(MODELS.generator, samples), w.data, rtol=0, atol=1e-6)
    assert (samples.seed, samples.psi, len(samples)) == (3, 0.6, 7)
    assert samples.about["resolution"] == 16 and samples.about["clip"] == "tiny"


def test_images_have_the_resolution_of_the_losses() -> None:
    generator = tiny_generator(replace(TINY, channels={**TINY.channels, 32: 3, 64: 3, 128: 3, 256: 3, 512: 3}))
    models = tiny_models(generator=generator)
    assert loss_resolution_px(generator, models.clip, "auto") == 256
    samples = see_samples(models, 2)
    image = generator(Latent(Space.Z, sample_z(generator, 2)), resolution=256)
    torch.testing.assert_close(samples.features, models.clip.encode_image(image), rtol=0, atol=1e-5)
    assert samples.about["resolution"] == 256


@pytest.mark.parametrize("earlier", [1, BLOCK - 1, BLOCK, BLOCK + 30])
def test_more_samples_continue_fewer_to_the_bit(earlier: int) -> None:
    whole, steps = see_samples(MODELS, 2 * BLOCK + 5), list[Step]()
    few = see_samples(MODELS, earlier)
    assert torch.equal(few.features, whole.features[:earlier])
    more = see_samples(MODELS, 2 * BLOCK + 5, on_step=steps.append, earlier=few)
    assert torch.equal(more.features, whole.features)
    blocks = 3 - earlier // BLOCK
    assert [step.index for step in steps] == [BLOCK, 2 * BLOCK, 2 * BLOCK + 5][-blocks:]
    assert {step.total for step in steps} == {2 * BLOCK + 5}


def test_fewer_samples_need_no_render(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = see_samples(MODELS, 20)
    forbid_renders(monkeypatch)
    assert torch.equal(see_samples(MODELS, 8, earlier=earlier).features, earlier.features[:8])
    assert see_samples(MODELS, 20, earlier=earlier) is earlier


def test_requests_that_make_no_sense() -> None:
    with pytest.raises(UsageError, match="cannot draw 0 samples; draw at least 1"):
        see_samples(MODELS, 0)
    with pytest.raises(UsageError, match="have seed 5 and psi 1, not 6 and 0.5; draw anew"):
        see_samples(MODELS, 3, 6, 0.5, earlier=see_samples(MODELS, 2))


def test_features_that_are_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CLIP, "encode_image", lambda self, image: torch.full((len(image), 10), torch.nan))
    with pytest.raises(NumericError, match="not finite; use --dtype float32"):
        see_samples(MODELS, 3)


# --- models_samples


def test_the_cache_is_used_the_second_time(
    fresh: Models, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fresh.samples() is None
    made = models_samples(fresh, 30)
    path = samples_path(fresh.generator_fingerprint or "", fresh.clip)
    assert path.parent == home() / "samples" and path.is_file()
    again = load_fresh(files)
    forbid_renders(monkeypatch)
    assert models_samples(fresh, 20) is made
    found = models_samples(again, 20)
    assert torch.equal(found.features, made.features) and dict(found.about) == dict(made.about)
    assert models_samples(again, 30) is found


def test_the_cache_grows(fresh: Models, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", BLOCK)
    models_samples(fresh, 30)
    steps: list[Step] = []
    more = models_samples(load_fresh(files), 2 * BLOCK + 1, steps.append)
    assert [step.index for step in steps] == [30, BLOCK, 2 * BLOCK, 2 * BLOCK + 1]
    assert {step.total for step in steps} == {2 * BLOCK + 1}
    assert torch.equal(more.features, see_samples(fresh, 2 * BLOCK + 1).features)
    again = load_fresh(files).samples()
    assert again is not None and torch.equal(again.features, more.features)


def test_what_was_seen_before_ctrl_c_is_kept(
    fresh: Models, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", BLOCK)

    def interrupt(step: Step) -> None:
        if step.index > BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        models_samples(fresh, 3 * BLOCK, interrupt)
    kept = load_fresh(files).samples()
    assert kept is not None and torch.equal(kept.features, see_samples(fresh, BLOCK).features)
    steps: list[Step] = []
    models_samples(fresh, 2 * BLOCK, steps.append)
    assert [step.index for step in steps] == [BLOCK, 2 * BLOCK]


def test_the_seed_and_psi_of_a_file_are_kept(fresh: Models, files: tuple[Path, Path], tmp_path: Path) -> None:
    save_samples(see_samples(fresh, 10, seed=8, psi=0.7), fresh.clip, tmp_path / "own.safetensors")
    models = styleclip.load(str(files[0]), clip=files[1], identity="none", samples=tmp_path / "own.safetensors")
    more = models_samples(models, 12)
    assert (more.seed, more.psi) == (8, 0.7)
    assert torch.equal(more.features, see_samples(fresh, 12, 8, 0.7).features)


def test_a_folder_that_cannot_be_written(
    fresh: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[Path, Path]
) -> None:
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache" / "samples").write_text("a file is in the way")
    made = models_samples(fresh, 12)
    assert len(made) == 12 and (tmp_path / "cache" / "samples").is_file()
    forbid_renders(monkeypatch)
    assert models_samples(fresh, 12) is made


def test_models_without_a_file_have_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    models = tiny_models()
    assert models_samples(models, 4) is models_samples(models, 3)
    assert not (tmp_path / "cache").exists()


def test_another_clip_or_generator_gets_its_own(fresh: Models) -> None:
    own = models_samples(fresh, 4)
    other = models_samples(replace(fresh, clip=tiny_clip(seed=5), samples=lambda: None), 4)
    assert not torch.allclose(own.features, other.features)
    assert models_samples(fresh, 4) is own


def test_a_tuned_generator_leaves_the_cache_alone(fresh: Models) -> None:
    own = models_samples(fresh, 6)
    tuned = replace(fresh, provenance={**fresh.provenance, "tuned": "0" * 64}, generator=tiny_generator(seed=3))
    assert models_samples(tuned, 6) is own, "W and S are those of the untouched generator"
    assert len(models_samples(tuned, 9)) == 9 and models_samples(fresh, 6) is own
    stored = load_samples(
        samples_path(fresh.generator_fingerprint or "", fresh.clip), fresh.clip, own.about["generator"]
    )
    assert len(stored) == 6


def test_the_demo_has_samples() -> None:
    models = styleclip.load("demo", identity="none")
    samples = models.samples()
    assert samples is not None and len(samples) >= 2000 and (samples.seed, samples.psi) == (5, 1.0)
    torch.testing.assert_close(samples.features[:2], see_samples(models, 2).features, rtol=0, atol=1e-3)
