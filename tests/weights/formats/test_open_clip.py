"""Files of open_clip: their architecture has to be named; archives of full size."""

from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.weights.clips import load_clip
from styleclip.weights.load import clip_path
from tests.helpers.clip_archives import (
    Weights,
    openai_mix,
    quick_gelu,
    shapes_of,
    weights_of,
    write_by_hand,
    write_state_dict,
)
from tests.helpers.clip_features import MEAN, ROUNDING, TINY_VIT, difference
from tests.helpers.support import run_python


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
    forms = f"tiny/{path} or tiny-quickgelu/{path} .*, or the tag .*, tiny/TAG/{path}$"
    asks = f"activation and the number of heads; .* {forms}"
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
import sys
from pathlib import Path
import open_clip, torch
from styleclip.weights.load import load_clip_file

def kilobytes(line):
    rows = Path("/proc/self/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith(line))

load_clip_file(sys.argv[2])  # warm: what the libraries take is not counted
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
before = kilobytes("VmRSS")
clip = load_clip_file(sys.argv[1])
print((kilobytes("VmHWM") - before) * 1024)
model = clip.state_dict().values()
print(len(model), sum(p.numel() for p in clip.parameters()), *(f([t.nbytes for t in model]) for f in (sum, max)))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads the peak memory from /proc")
def test_the_full_archive_takes_little_more_than_file_and_model(tmp_path: Path, python: list[str]) -> None:
    shapes = shapes_of(open_clip.get_model_config("ViT-B-32"))
    full = {name: torch.full(shape, 0.01) for name, shape in shapes.items()}
    big = write_by_hand(openai_mix(full), tmp_path / "ViT-B-32.pt")
    tiny = write_by_hand(openai_mix(weights_of(TINY_VIT)), tmp_path / "tiny.pt")
    size = big.stat().st_size
    assert 353_436_676 < size < 353_600_000  # what the tensors take, and their names
    done = run_python("-c", FULL, str(big), str(tiny), python=python)
    assert not done.returncode, done.stderr
    peak, tensors, parameters, model, largest = map(float, done.stdout.split())
    assert (tensors, parameters, model) == (302, 151_277_313, 605_109_252)
    assert peak < size + model + 1.5 * largest  # as read, as used, and the search for NaN in the largest tensor
