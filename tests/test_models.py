"""`styleclip.load`: which networks come together, and what is said when one cannot be had."""

import os
from pathlib import Path

import pytest
import torch

import styleclip
from styleclip.errors import WeightError
from styleclip.loading import clip_label, load_clip, load_identity
from styleclip.networks.face_recognition import Facenet, SmallRecogniser
from styleclip.weights.catalog import Weight, catalog, checkpoint_path, home
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.locate import encoder_file, generator_file, mapper_file
from tests.golden.fill import draw, state_dict, vectors
from tests.helpers.files import tiny_clip_file
from tests.helpers.tiny import tiny_clip, tiny_generator


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def test_demo_is_frozen_and_says_what_it_is() -> None:
    models = styleclip.load("demo")
    assert models.generator.resolution >= 64 and models.clip.vocabulary is not None
    assert isinstance(models.identity, SmallRecogniser)
    modules = (models.generator, models.clip, models.identity)
    assert not any(p.requires_grad for module in modules for p in module.parameters())
    assert not any(module.training for module in modules)
    assert len(models.provenance["generator"]["sha256"]) == 64 and models.provenance["identity"] == "demo"
    assert models.defaults["optimize"] == catalog()["models"]["demo"]["optimize"]


def test_files_of_ones_own(tmp_path: Path) -> None:
    path = save_generator(tiny_generator(), tmp_path / "mine.safetensors")
    models = styleclip.load(str(path), clip=tiny_clip_file(tmp_path))
    assert models.generator.resolution == 16 and models.identity is None and not models.defaults
    torch.testing.assert_close(models.clip.encode_text(["a red face"]), tiny_clip().encode_text(["a red face"]))
    assert models.clip.preprocess == "correct"
    paper = styleclip.load(generator=path, clip=tiny_clip_file(tmp_path), clip_preprocess="paper")
    assert paper.clip.preprocess == "paper" and paper.provenance["clip"]["preprocess"] == "paper"


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(WeightError, match="'ffhqq' is neither a model nor a file nor a URL; the closest .* are ffhq, "):
        styleclip.load("ffhqq")
    with pytest.raises(WeightError, match="no identity is called 'facebook'; the closest are .*facenet"):
        load_identity("facebook")


def test_the_clip_of_a_model() -> None:
    assert load_clip("demo").name == load_clip().name == clip_label("demo") == "demo"


def test_a_file_that_is_no_clip(tmp_path: Path) -> None:
    path = save_generator(tiny_generator(), tmp_path / "mine.safetensors")
    with pytest.raises(WeightError, match="no clip"):
        load_clip(str(path))


def test_what_is_not_here_says_where_to_get_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home() == cache
    monkeypatch.setenv("STYLECLIP_OFFLINE", "1")
    remedy = r"download https://drive\S+ to \S+model_ir_se50.pth \(licence: code MIT"
    for ask in (lambda: load_identity("arcface"), lambda: styleclip.load(identity="arcface")):
        with pytest.raises(WeightError, match=remedy):
            ask()
    with pytest.raises(WeightError, match=r"download https://\S+/ffhq.pkl to \S+ffhq.pkl \(licence: NVIDIA"):
        styleclip.load("ffhq")


@pytest.mark.parametrize("name", ["ffhq", "afhqcat", "https://example.org/net.pt"])
def test_what_is_not_here_is_fetched(name: str, tmp_path: Path) -> None:
    path, asked = save_generator(tiny_generator(), tmp_path / "mine.safetensors"), []

    def fetch(weight: Weight) -> Path:
        asked.append(weight.name)
        return path

    choices = {"clip": tiny_clip_file(tmp_path), "identity": "none", "fetch": fetch}
    assert styleclip.load(name, **choices).generator.resolution == 16  # type: ignore[arg-type]
    assert styleclip.load(generator=name, **choices).generator.resolution == 16  # type: ignore[arg-type]
    assert asked == [name, name]


def test_a_file_url(tmp_path: Path) -> None:
    path = save_generator(tiny_generator(), tmp_path / "mine.safetensors")
    models = styleclip.load(path.as_uri(), clip=tiny_clip_file(tmp_path))
    assert models.generator.resolution == 16 and models.provenance["generator"]["name"] == "mine.safetensors"


def test_no_identity_loads_nothing(cache: Path) -> None:
    assert load_identity("none") is None


def test_a_recogniser_in_a_file(tmp_path: Path) -> None:
    path = checkpoint_path("demo/identity.safetensors")
    images = torch.zeros(1, 3, 64, 64)
    named = load_identity("demo")
    for name in (str(path), path.as_uri()):
        torch.testing.assert_close(load_identity(name).embed(images), named.embed(images))  # type: ignore[union-attr]
    models = styleclip.load(clip=tiny_clip_file(tmp_path), identity=str(path))
    assert isinstance(models.identity, SmallRecogniser) and models.provenance["identity"] == path.name


def test_arcface_from_the_published_file(cache: Path) -> None:
    tensors = {name: torch.from_numpy(array) for name, array in state_dict("arcface_ir_se50").items()}
    torch.save(tensors, cache / "model_ir_se50.pth")
    arcface = load_identity("arcface")
    faces = 0.5 * torch.from_numpy(draw("input.face", (2, 3, 112, 112), 7))
    expected = torch.from_numpy(vectors("arcface_ir_se50")["features"])
    torch.testing.assert_close(arcface(faces), expected, atol=1e-5, rtol=0)  # type: ignore[misc, operator]
    assert arcface is not None and arcface.embed(torch.zeros(1, 3, 64, 64)).shape == (1, 512)


def test_facenet_from_the_published_file(cache: Path) -> None:
    from facenet_pytorch import InceptionResnetV1

    network = InceptionResnetV1(classify=True, num_classes=10)
    torch.save(network.state_dict(), cache / "20180402-114759-vggface2.pt")
    facenet = load_identity("facenet")
    assert isinstance(facenet, Facenet)
    features = facenet.embed(torch.rand(2, 3, 64, 64) * 2 - 1)
    assert features.shape == (2, 512)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(2))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_named_as_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for find in (generator_file, encoder_file, mapper_file):
        with pytest.raises(WeightError, match="pipe is a pipe or a device; save its content to a file and pass that"):
            find(str(tmp_path / "pipe"))
