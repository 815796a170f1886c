"""CLIP files of OpenAI and of open_clip: the right network, QuickGELU where it belongs, and nothing guessed."""

from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

import styleclip
from styleclip.errors import WeightError
from styleclip.models import load_clip
from styleclip.networks.clip import CLIP
from styleclip.weights.formats import openai_clip
from styleclip.weights.formats.content import FileTree
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import clip_path, load_clip_file
from styleclip.weights.locate import FULL_SIZE
from styleclip.weights.safe_pickle.globals import InertObject
from tests.helpers.clip_archives import (
    PlainCLIP,
    Weights,
    openai_mix,
    quick_gelu,
    shapes_of,
    weights_of,
    write_by_hand,
    write_by_torch,
    write_state_dict,
)
from tests.helpers.support import run_python
from tests.helpers.tiny import tiny_generator

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
TINY_VIT = {  # two heads of 64 in the vision tower, one in the text tower
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 128, "layers": 2},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2},
}
TINY_RESNET = TINY_VIT | {"vision_cfg": {"image_size": 64, "patch_size": None, "width": 16, "layers": [1, 2, 1, 1]}}
PICTURE = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(5)) * 2 - 1
TEXTS = ["a person with purple hair", "it's 2021!"]
ROUNDING = 1e-5  # unit features in float32, added up in another order


def difference(clip: CLIP, weights: Weights, gelu: Callable[[Tensor], Tensor]) -> tuple[float, float]:
    """How far the features of pictures and of texts are from those of the plain network."""
    plain = PlainCLIP(weights, gelu)
    pixels = (PICTURE / 2 + 0.5 - MEAN) / STD
    image = (clip.encode_image(PICTURE) - plain.image(pixels)).abs().max()
    text = (clip.encode_text(TEXTS) - plain.text(clip.tokenizer(TEXTS))).abs().max()
    return float(image), float(text)


@pytest.mark.parametrize("write", [write_by_hand, write_by_torch, write_state_dict])
def test_openais_files_are_read_with_quick_gelu(tmp_path: Path, write: Callable[[Weights, Path], Path]) -> None:
    tensors = openai_mix(weights_of(TINY_VIT))
    assert sum(tensor.dtype == torch.half for tensor in tensors.values()) == 2 + 2 * 2 * 8 + 1
    clip = load_clip_file(write(tensors, tmp_path / "any name.bin"))
    assert max(difference(clip, tensors, quick_gelu)) < ROUNDING
    assert min(difference(clip, tensors, F.gelu)) > 100 * ROUNDING
    assert clip.name == "OpenAI ViT/8 of width 128, 32 px" and clip.image_size == 32 and clip.vocabulary is None
    assert {tensor.dtype for tensor in clip.state_dict().values()} == {torch.float32}
    assert not clip.training and not any(parameter.requires_grad for parameter in clip.parameters())


def test_what_the_shapes_tell(tmp_path: Path) -> None:
    found = read_one(write_by_hand(openai_mix(weights_of(TINY_VIT)), tmp_path / "clip.pt"), "clip")
    assert found.format == "OpenAI CLIP" and found.config["model"]["quick_gelu"]
    assert found.summary["vision_image_size"] == 32 and "model card" in found.licence


@pytest.mark.parametrize("counters", [True, False], ids=["with counters", "without"])
def test_openais_resnets(tmp_path: Path, counters: bool) -> None:
    tensors = openai_mix(weights_of(TINY_RESNET))
    expected = open_clip.model.build_model_from_openai_state_dict(dict(tensors), cast_dtype=torch.float32).float()
    if not counters:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    clip = load_clip_file(write_by_hand(tensors, tmp_path / "RN.pt"))
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    features = F.normalize(expected.encode_image((picture / 2 + 0.5 - MEAN) / STD), dim=-1)
    torch.testing.assert_close(clip.encode_image(picture), features, atol=ROUNDING, rtol=0)
    features = F.normalize(expected.encode_text(clip.tokenizer(TEXTS)), dim=-1)
    torch.testing.assert_close(clip.encode_text(TEXTS), features, atol=ROUNDING, rtol=0)
    assert clip.image_size == 64 and features.std() > 0.01


def test_text_is_cut_into_openais_tokens(tmp_path: Path) -> None:
    clip = load_clip_file(write_by_hand(openai_mix(weights_of(TINY_VIT)), tmp_path / "clip.pt"))
    known = {
        "a person with purple hair": [320, 2533, 593, 5496, 2225],
        "it's 2021!": [585, 568, 273, 271, 273, 272, 256],
        "face with Hi-top fade hair": [1710, 593, 1883, 268, 1253, 20486, 2225],
        "A bad photo of a face.": [320, 2103, 1125, 539, 320, 1710, 269],
        "  café &amp;amp; naïve\tÜber  ": [15304, 261, 1097, 35689, 563, 6522, 1516],
        "你好 🙂": [47466, 254, 29290, 377, 14860],
        "": [],
    }
    for row, tokens in zip(clip.tokenizer(list(known)), known.values(), strict=True):
        padded = [49406, *tokens, 49407]
        assert row.tolist() == padded + [0] * (77 - len(padded))


def test_the_whole_way_from_a_file(tmp_path: Path) -> None:
    tensors = openai_mix(weights_of(TINY_VIT))
    generator = save_generator(tiny_generator(), tmp_path / "g.safetensors")
    before = torch.get_rng_state()
    models = styleclip.load(generator=generator, clip=write_by_hand(tensors, tmp_path / "clip.pt"))
    assert torch.equal(torch.get_rng_state(), before)
    assert max(difference(models.clip, tensors, quick_gelu)) < ROUNDING
    assert FULL_SIZE["clip"] == "ViT-B-32-quickgelu/openai"


def drop(tensors: Weights) -> None:
    del tensors["visual.ln_post.bias"]


def drop_shape(tensors: Weights) -> None:
    del tensors["visual.positional_embedding"]


def add(tensors: Weights) -> None:
    tensors["visual.extra"] = torch.ones(1)


def shrink(tensors: Weights) -> None:
    tensors["token_embedding.weight"] = torch.ones(10, 64)


def spoil(tensors: Weights) -> None:
    tensors["visual.proj"][3, 3] = torch.nan


def lengthen(tensors: Weights) -> None:
    tensors["positional_embedding"] = torch.ones(100_000, 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, "missing model.visual.ln_post.bias; "),
        (drop_shape, "the tensor visual.positional_embedding is missing"),
        (add, "surplus model.visual.extra; "),
        (shrink, r"token_embedding.weight has shape \[10, 64\] instead of \[49408, 64\]"),
        (spoil, "visual.proj holds NaN"),
        (lengthen, "a CLIP with context_length 100000, which no CLIP has"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: Callable[[Weights], None], message: str) -> None:
    tensors = openai_mix(weights_of(TINY_VIT))
    change(tensors)
    with pytest.raises(WeightError, match=f"clip.pt: .*{message}"):
        load_clip_file(write_by_hand(tensors, tmp_path / "clip.pt"))


def test_another_archive_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(WeightError, match="none of the known weights"):
        load_clip_file(write_by_torch({"features.0.weight": torch.ones(2)}, tmp_path / "vgg16.pt"))


def test_a_tree_that_repeats_itself_ends() -> None:
    root = leaf = InertObject("__torch__.Module", ())
    for _ in range(100):
        child = InertObject("__torch__.Module", ())
        leaf.set_state({"a": child, "b": child})  # 2**100 names
        leaf = child
    leaf.set_state({"a": root})
    assert openai_clip.contents(FileTree("torchscript", root)) == []


@pytest.fixture
def tiny_architectures(monkeypatch: pytest.MonkeyPatch) -> None:
    """open_clip knows `tiny` and `tiny-quickgelu`, published by two with different mean and std."""
    tags = {
        "grey": open_clip.pretrained._slpcfg("nowhere"),
        "usual": open_clip.pretrained._pcfg("nowhere", quick_gelu=True),
    }
    table = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setitem(table, "tiny", TINY_VIT)
    monkeypatch.setitem(table, "tiny-quickgelu", TINY_VIT | {"quick_gelu": True})
    monkeypatch.setitem(table, "tiny-text", TINY_VIT | {"custom_text": True})
    monkeypatch.setitem(table, "tiny-grey", TINY_VIT)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-two", tags)
    monkeypatch.setitem(table, "tiny-two", TINY_VIT)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-grey", {"grey": tags["grey"]})


def save_safetensors(weights: Weights, path: Path) -> Path:
    save_file(weights, path.with_suffix(".safetensors"), {"format": "pt"})
    return path.with_suffix(".safetensors")


def save_training(weights: Weights, path: Path) -> Path:
    wrapped = {f"module.{name}": tensor for name, tensor in weights.items()}
    torch.save({"epoch": 3, "name": "run", "state_dict": wrapped, "optimizer": {"state": {}}}, path)
    return path


@pytest.mark.usefixtures("tiny_architectures")
@pytest.mark.parametrize("save", [save_safetensors, save_training, write_state_dict])
@pytest.mark.parametrize(
    ("name", "right", "wrong"), [("tiny", F.gelu, quick_gelu), ("tiny-quickgelu", quick_gelu, F.gelu)]
)
def test_files_of_open_clip_need_their_architecture(
    tmp_path: Path,
    save: Callable[[Weights, Path], Path],
    name: str,
    right: Callable[[Tensor], Tensor],
    wrong: Callable[[Tensor], Tensor],
) -> None:
    weights = weights_of(TINY_VIT)
    path = save(weights, tmp_path / "open_clip_model.bin")
    asks = f"activation and the heads; .* tiny/{path} or tiny-quickgelu/{path} .*, or the tag .*, tiny/TAG/{path}$"
    with pytest.raises(WeightError, match=asks):
        load_clip(str(path))
    clip = load_clip(f"{name}/{path}")
    assert max(difference(clip, weights, right)) < ROUNDING < 100 * ROUNDING < min(difference(clip, weights, wrong))
    assert clip.name == f"{name}/{path.name}"


@pytest.mark.usefixtures("tiny_architectures")
def test_loading_by_architecture_is_silent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = save_safetensors(weights_of(TINY_VIT), tmp_path / "clip")
    before = torch.get_rng_state()
    load_clip(f"tiny/{path}", "paper")
    assert torch.equal(torch.get_rng_state(), before)
    assert not caplog.records and capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("tiny_architectures")
def test_openais_archive_keeps_its_activation_under_any_name(tmp_path: Path) -> None:
    tensors = openai_mix(weights_of(TINY_VIT))
    clip = load_clip(f"tiny/{write_by_hand(tensors, tmp_path / 'clip.pt')}")
    assert max(difference(clip, tensors, quick_gelu)) < ROUNDING


@pytest.mark.usefixtures("tiny_architectures")
def test_a_text_tower_of_its_own(tmp_path: Path) -> None:
    text = ("positional_embedding", "text_projection", "token_embedding", "transformer.", "ln_final")
    weights = weights_of(TINY_VIT)
    moved = {f"text.{name}" if name.startswith(text) else name: tensor for name, tensor in weights.items()}
    path = save_safetensors(moved, tmp_path / "clip")
    with pytest.raises(WeightError, match=f"before the path, ARCHITECTURE/{path}, "):
        load_clip(str(path))
    assert max(difference(load_clip(f"tiny-text/{path}"), weights, F.gelu)) < ROUNDING


@pytest.mark.usefixtures("tiny_architectures")
def test_mean_and_std_are_those_that_were_published(tmp_path: Path) -> None:
    weights = weights_of(TINY_VIT)
    path = save_safetensors(weights, tmp_path / "clip")
    assert torch.allclose(load_clip(f"tiny/{path}").mean, MEAN)
    assert load_clip(f"tiny-grey/{path}").mean.unique() == 0.5
    with pytest.raises(
        WeightError, match="different mean and std; .* tiny-two/TAG/PATH, where TAG is one of grey, usual"
    ):
        load_clip(f"tiny-two/{path}")
    assert load_clip(f"tiny-two/grey/{path}").mean.unique() == 0.5
    assert max(difference(load_clip(f"tiny-two/usual/{path}"), weights, quick_gelu)) < ROUNDING


@pytest.mark.usefixtures("tiny_architectures")
def test_the_wrong_architecture_is_refused(tmp_path: Path) -> None:
    path = save_safetensors(weights_of(TINY_VIT), tmp_path / "clip")
    with pytest.raises(WeightError, match="missing model.text"):
        load_clip(f"tiny-text/{path}")
    with pytest.raises(WeightError, match="'usual' is neither a file nor a tag of tiny, whose tags are none"):
        load_clip(f"tiny/usual/{path}")
    with pytest.raises(WeightError, match="neither a file nor an open_clip model"):
        load_clip(f"huge/{path}")


@pytest.mark.usefixtures("tiny_architectures")
def test_a_file_may_stand_behind_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny").mkdir()
    for name in ("clip.pt", "tiny/clip.pt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "clip.pt"
    assert clip_path("clip.pt") == ("", "clip.pt")
    assert clip_path("tiny/clip.pt") == ("", "tiny/clip.pt")  # a path that exists is a path
    assert clip_path("tiny/tiny/clip.pt") == ("tiny", "tiny/clip.pt")
    assert clip_path(f"tiny/{file}") == ("tiny", str(file))
    assert clip_path(f"tiny/grey/{file}") == ("tiny/grey", str(file))
    assert clip_path("ViT-B-32/openai") == ("ViT-B-32/openai", "")
    assert clip_path("huge/clip.pt") == ("huge/clip.pt", "")


FULL = """
import sys, time
from pathlib import Path
import open_clip, torch
from styleclip.weights.load import load_clip_file

def kilobytes(line):
    rows = Path("/proc/self/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith(line))

load_clip_file(sys.argv[2])  # warm: what the libraries take is not counted
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
before, start = kilobytes("VmRSS"), time.process_time()
clip = load_clip_file(sys.argv[1])
print(time.process_time() - start, (kilobytes("VmHWM") - before) * 1024)
model = clip.state_dict().values()
print(len(model), sum(p.numel() for p in clip.parameters()), *(f([t.nbytes for t in model]) for f in (sum, max)))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads the peak memory from /proc")
def test_the_full_archive_loads_quickly_and_holds_little_more_than_file_and_model(tmp_path: Path) -> None:
    shapes = shapes_of(open_clip.get_model_config("ViT-B-32"))
    full = {name: torch.full(shape, 0.01) for name, shape in shapes.items()}
    big = write_by_hand(openai_mix(full), tmp_path / "ViT-B-32.pt")
    tiny = write_by_hand(openai_mix(weights_of(TINY_VIT)), tmp_path / "tiny.pt")
    size = big.stat().st_size
    assert 353_436_676 < size < 353_600_000  # what the tensors take, and their names
    done = run_python("-c", FULL, str(big), str(tiny), OMP_NUM_THREADS="1")
    assert not done.returncode, done.stderr
    seconds, peak, tensors, parameters, model, largest = map(float, done.stdout.split())
    assert (tensors, parameters, model) == (302, 151_277_313, 605_109_252)
    assert seconds < 15  # of one core
    assert peak < size + model + 1.5 * largest  # as read, as used, and the search for NaN in the largest tensor
