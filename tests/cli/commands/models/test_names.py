"""Where the names, files and URLs of models lead; the help of every command of `styleclip models`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import styleclip
from styleclip.cli import main
from styleclip.errors import WeightError
from styleclip.latents import Latent
from styleclip.weights.catalog import Weight
from styleclip.weights.clips import load_clip
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import load_generator
from styleclip.weights.locate import generator_file
from tests.helpers.checkpoint_writers import write_nvidia_pickle
from tests.helpers.compare_networks import assert_same
from tests.helpers.models_command import done, tiny_clip_file
from tests.helpers.support import failed, run_styleclip
from tests.helpers.tiny import tiny_clip, tiny_generator


def test_a_clip_by_its_name_or_url(tmp_path: Path) -> None:
    path, asked = tiny_clip_file(tmp_path), []

    def fetch(weight: Weight) -> Path:
        asked.append((weight.name, weight.kind))
        return path

    url = "https://example.org/clip.pt"
    for name in ("openai-ViT-B-32", url):
        assert_same(load_clip(name, fetch=fetch), tiny_clip())
        models = styleclip.load(
            str(save_generator(tiny_generator(), tmp_path / "g.safetensors")), clip=name, fetch=fetch
        )
        assert_same(models.clip, tiny_clip())
    assert asked == [("openai-ViT-B-32", "clip")] * 2 + [(url, "clip")] * 2
    assert_same(load_clip(path.as_uri()), tiny_clip())
    with pytest.raises(WeightError, match="'arcface' is neither a file nor an open_clip model"):
        load_clip("arcface", fetch=fetch)


def test_the_file_behind_a_model(tmp_path: Path) -> None:
    path = save_generator(tiny_generator(), tmp_path / "g.safetensors")
    assert generator_file("demo").name == "generator.safetensors"
    assert generator_file(str(path)) == path == generator_file(path.as_uri())
    assert generator_file("afhqcat", lambda _: path) == path
    with pytest.raises(WeightError, match="'arcface' is neither a model nor a file nor a URL"):
        generator_file("arcface")


def test_a_label_reaches_the_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, clip = write_nvidia_pickle(tmp_path / "net.pkl", tiny_generator(), c_dim=5), tiny_clip_file(tmp_path)
    models = styleclip.load(str(path), clip=clip, label=3)
    assert_same(models.generator, load_generator(path, label=3))
    assert models.provenance["generator"]["label"] == 3
    monkeypatch.chdir(tmp_path)
    sample = ["sample", "--model", str(path), "--clip", str(clip), "--seeds", "0", "--out"]
    for label in ("1", "3"):
        assert CliRunner().invoke(main, [*sample, label, "--label", label]).exit_code == 0
    one, three = (Latent.load(tmp_path / label / "latent.safetensors").data for label in ("1", "3"))
    assert torch.equal(three, styleclip.Editor(models).sample(seeds=[0]).data) and not torch.equal(one, three)
    failed(CliRunner().invoke(main, [*sample, "none"]), 1, "choose 0 to 4 by label= or --label")


def test_help_names_what_clip_may_be() -> None:
    said = run_styleclip("sample", "--help").stdout
    assert all(word in said for word in ("ARCHITECTURE/TAG", "ARCHITECTURE/FILE", "URL", "--label N"))


@pytest.mark.parametrize("command", ["list", "pull", "inspect", "convert", "verify"])
def test_help(command: str) -> None:
    said = done(command, "--help")
    assert said.startswith(f"Usage: styleclip models {command}") and "--json" in said
