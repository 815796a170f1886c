"""`styleclip models convert`: every format to every other, with the same pictures, all or nothing."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors import safe_open
from torch import Tensor

from styleclip.cli import main
from styleclip.errors import UsageError, WeightError
from styleclip.latents import Latent, Space
from styleclip.networks.stylegan2 import Generator
from styleclip.weights import convert as conversion
from styleclip.weights.convert import convert, largest_difference
from styleclip.weights.describe import describe
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import load_generator
from tests.golden import fill
from tests.helpers.checkpoint_writers import write_nvidia_pickle, write_pti, write_tf_pickle
from tests.helpers.compare_networks import SAME, assert_same, error, z
from tests.helpers.support import run_styleclip
from tests.helpers.tiny import TINY, tiny_generator

EVEN = replace(TINY, z_dim=8, mapping_widths=(8, 8))  # one width, as rosinality's
IMAGE = 1e-4  # as in test_golden
FORMATS = ("styleclip", "rosinality", "nvidia")
NAMES = {"styleclip": "g.safetensors", "rosinality": "g.pt", "nvidia": "g.pth"}
NO_CLAMP = "has no place for the clamp of activations at 256; it is left out"

pytestmark = pytest.mark.filterwarnings("ignore:rosinality's code builds no generator")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["models", "convert", *map(str, arguments)], prog_name="styleclip")


def done(*arguments: object) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result


def failed(result: Result, code: int, *words: str) -> None:
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ") and [word for word in words if word not in last] == [], result.stderr


def even_generator(**changes: Any) -> Generator:
    return tiny_generator(replace(EVEN, **changes))


def tiny_file(folder: Path, **changes: Any) -> Path:
    return save_generator(tiny_generator(replace(TINY, **changes)), folder / "tiny.safetensors")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


@torch.no_grad()
def render(path: Path, latent: Tensor) -> Tensor:
    return load_generator(path)(Latent(Space.Z, latent))


def write_rosinality(path: Path, generator: Generator) -> Path:
    torch.save(rosinality.export_generator(generator.state_dict()), path)
    return path


def write_state_dict(path: Path, generator: Generator) -> Path:
    torch.save(generator.state_dict(), path)
    return path


def write_native(path: Path, generator: Generator) -> Path:
    return save_generator(generator, path)


WRITERS = [write_native, write_rosinality, write_nvidia_pickle, write_state_dict, write_tf_pickle, write_pti]


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("write", WRITERS)
def test_every_format_to_every_other(
    tmp_path: Path, write: Callable[[Path, Generator], Path], target: conversion.Target
) -> None:
    source = write(tmp_path / "source", even_generator())
    out = tmp_path / NAMES[target]
    said = convert(source, out, target)
    assert (said.path, said.format, said.dtype) == (out, target, "float32")
    assert said.difference <= SAME and said.images == 2
    assert_close(load_generator(out), even_generator())
    assert names(tmp_path) == sorted(["source", out.name])


def assert_close(found: Generator, expected: Generator) -> None:
    """TensorFlow's file has styles without their 1, so one rounding may differ."""
    a, b = found.state_dict(), expected.state_dict()
    assert a.keys() == b.keys()
    assert all(torch.allclose(a[name], b[name], rtol=0, atol=1e-6) for name in a)


def test_rosinality_there_and_back(tmp_path: Path) -> None:
    golden = {key: torch.from_numpy(value) for key, value in fill.vectors("stylegan2_rosinality_64").items()}
    weights = {key: torch.from_numpy(value) for key, value in fill.state_dict("stylegan2_rosinality_64").items()}
    torch.save({"g_ema": weights, "latent_avg": golden["trunc_latent"][0]}, tmp_path / "first.pt")
    done(tmp_path / "first.pt", tmp_path / "ours.safetensors")
    assert done(tmp_path / "ours.safetensors", tmp_path / "second.pt").stderr == ""
    first, second = (render(tmp_path / name, golden["z"]) for name in ("first.pt", "second.pt"))
    assert error(second, first) <= SAME
    assert error(second, golden["image_z"]) <= IMAGE
    written = torch.load(tmp_path / "second.pt", weights_only=True)
    assert written["g_ema"].keys() == fill.meta("stylegan2_rosinality_64")["keys"].keys()
    assert all(torch.equal(written["g_ema"][name], weights[name]) for name in weights)


def test_nvidia_to_rosinality(tmp_path: Path) -> None:
    golden = {key: torch.from_numpy(value) for key, value in fill.vectors("stylegan2_nvidia_tiny32").items()}
    pickle = fill.HERE / "nvidia_ada_tiny32.pkl"
    done(pickle, tmp_path / "ours.safetensors")
    assert (
        "64 64 64 32 channels; to load the file it must be changed"
        in done(tmp_path / "ours.safetensors", tmp_path / "theirs.pt").stderr
    )
    done(tmp_path / "theirs.pt", tmp_path / "state.pt", "--to", "nvidia")
    for name in ("ours.safetensors", "theirs.pt", "state.pt"):
        assert error(render(tmp_path / name, golden["z"]), render(pickle, golden["z"])) <= SAME
        assert error(render(tmp_path / name, golden["z"]), golden["image_z"]) <= IMAGE
    state, keys = torch.load(tmp_path / "state.pt", weights_only=True), fill.meta("stylegan2_nvidia_tiny32")["keys"]
    assert {name: list(tensor.shape) for name, tensor in state.items()} == keys


def test_what_is_said(tmp_path: Path) -> None:
    said = done(tiny_file(tmp_path), tmp_path / "g.pt", "--to", "nvidia")
    written, proof = said.stdout.splitlines()
    same = r"are the same to the last bit|differ by at most \d\.\de-0[67], .*"  # sums depend on where a file begins
    assert written == str(tmp_path / "g.pt") and said.stderr == ""
    assert re.fullmatch(f"nvidia, float32: 2 faces rendered from both files ({same})", proof)
    half = done(tmp_path / "g.pt", tmp_path / "half.safetensors", "--dtype", "float16").stdout
    assert "styleclip, float16: 2 faces rendered from both files differ by at most 0.00" in half
    record = json.loads(done(tmp_path / "g.pt", tmp_path / "again.safetensors", "--json").stdout)
    assert 0 <= record.pop("difference") <= 1e-5
    assert record == {
        "path": str(tmp_path / "again.safetensors"),
        "format": "styleclip",
        "dtype": "float32",
        "images": 2,
    }


def test_a_name_or_a_url(tmp_path: Path) -> None:
    done("demo", tmp_path / "demo.pt", "--to", "nvidia")
    done((tmp_path / "demo.pt").as_uri(), tmp_path / "again.safetensors")
    assert_same(load_generator(tmp_path / "again.safetensors"), load_generator(tmp_path / "demo.pt"))
    failed(
        run("dmo", tmp_path / "x.pt"), 1, "'dmo' is neither a model nor a file nor a URL; the closest models are demo"
    )
    failed(run("ffhq", tmp_path / "x.pt", "--offline"), 1, "ffhq is not in", "downloads are off", "licence: NVIDIA")


@pytest.mark.parametrize("target", FORMATS)
def test_half_precision(tmp_path: Path, target: str) -> None:
    generator = even_generator()
    out = tmp_path / NAMES[target]
    done(save_generator(generator, tmp_path / "source"), out, "--to", target, "--dtype", "float16")
    assert describe(out)["parts"][0]["precision"] == "float16"
    found = load_generator(out)
    assert {tensor.dtype for tensor in found.state_dict().values()} == {torch.float32}
    assert torch.allclose(found.w_avg, generator.w_avg, rtol=2**-10)  # half has 11 bits
    done(out, tmp_path / "wide.safetensors")
    assert_same(load_generator(tmp_path / "wide.safetensors"), found)


@pytest.mark.parametrize("target", FORMATS)
def test_half_precision_must_not_overflow(tmp_path: Path, target: str) -> None:
    generator = even_generator()
    generator.w_avg.fill_(1e6)
    source = save_generator(generator, tmp_path / "source")
    result = run(source, tmp_path / NAMES[target], "--to", target, "--dtype", "float16")
    failed(result, 1, "w_avg overflows torch.float16; save it as float32")
    assert names(tmp_path) == ["source"]


def test_the_licence_goes_along(tmp_path: Path) -> None:
    write_nvidia_pickle(tmp_path / "net.pkl", tiny_generator())
    done(tmp_path / "net.pkl", tmp_path / "a.safetensors")
    done(tmp_path / "a.safetensors", tmp_path / "b.safetensors", "--dtype", "float16")
    assert metadata(tmp_path / "a.safetensors")["source"] == "net.pkl"
    assert metadata(tmp_path / "b.safetensors")["source"] == "a.safetensors"
    for name in ("a.safetensors", "b.safetensors"):
        assert "Nvidia Source Code License-NC" in metadata(tmp_path / name)["licence"]
    done(tiny_file(tmp_path), tmp_path / "c.safetensors")
    assert "licence" not in metadata(tmp_path / "c.safetensors")


def test_a_class_of_a_conditional_generator(tmp_path: Path) -> None:
    source, out = write_nvidia_pickle(tmp_path / "net.pkl", tiny_generator(), c_dim=5), tmp_path / "class.safetensors"
    failed(run(source, out), 1, "its generator has 5 classes; choose 0 to 4 by label= or --label")
    failed(run(source, out, "--label", 5), 1, "5 classes, and 5 is none of them")
    done(source, out, "--label", 3)
    assert_same(load_generator(out), load_generator(source, label=3))
    assert metadata(out)["label"] == "3"
    failed(run(out, tmp_path / "again.safetensors", "--label", 3), 1, "has no classes; leave the label out")


@pytest.mark.parametrize("target", ["rosinality", "nvidia"])
def test_an_unusual_learning_rate_becomes_the_usual_one(tmp_path: Path, target: str) -> None:
    source = save_generator(even_generator(mapping_lr_mul=0.03), tmp_path / "source")
    done(source, tmp_path / "g.pt", "--to", target)
    found = load_generator(tmp_path / "g.pt")
    assert found.config == EVEN
    assert error(found.map(z(size=8)), load_generator(source).map(z(size=8))) <= SAME


@pytest.mark.parametrize("target", ["rosinality", "nvidia"])
def test_a_clamp_that_does_nothing_is_left_out_with_a_warning(tmp_path: Path, target: str) -> None:
    source = save_generator(even_generator(conv_clamp=256.0), tmp_path / "source")
    last = done(source, tmp_path / "g.pt", "--to", target).stderr.splitlines()[-1]
    assert last.startswith("Warning: ") and last.endswith(NO_CLAMP)
    assert load_generator(tmp_path / "g.pt").config.conv_clamp is None
    assert done(source, tmp_path / "g.safetensors").stderr == ""
    assert load_generator(tmp_path / "g.safetensors").config.conv_clamp == 256


def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    save_generator(even_generator(conv_clamp=256.0), tmp_path / "source")
    said = run_styleclip("models", "convert", "source", "g.pt", cwd=tmp_path)
    assert said.returncode == 0 and said.stdout.startswith("g.pt\nrosinality, float32: 2 faces")
    assert [line.partition(": ")[0] for line in said.stderr.splitlines()] == ["Warning", "Warning"]
    assert "no generator of 6 5 4 channels" in said.stderr and NO_CLAMP in said.stderr


@pytest.mark.parametrize(
    ("channels", "usual"),
    [
        ({4: 512, 8: 512, 16: 512, 32: 512}, True),
        ({4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}, True),
        ({4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64}, True),
        ({4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 512}, False),
        ({4: 512, 8: 512, 16: 512, 32: 256}, False),
    ],
)
def test_the_channels_that_rosinality_builds(channels: dict[int, int], usual: bool) -> None:
    assert conversion._is_usual(channels) is usual


@pytest.mark.parametrize("target", ["rosinality", "nvidia"])
def test_a_clamp_that_bites_is_not_left_out(tmp_path: Path, target: conversion.Target) -> None:
    source = save_generator(even_generator(conv_clamp=0.5), tmp_path / "source")
    with pytest.warns(UserWarning, match="no place for the clamp"), pytest.raises(WeightError) as caught:
        convert(source, tmp_path / "g.pt", target)
    assert "its pictures would differ by" in str(caught.value) and "nothing was written" in str(caught.value)
    assert names(tmp_path) == ["source"]


def test_rosinality_has_one_width(tmp_path: Path) -> None:
    failed(run(tiny_file(tmp_path), tmp_path / "g.pt"), 1, "z is as wide as w, 8, but its z has 12", "use --to nvidia")
    assert names(tmp_path) == ["tiny.safetensors"]


@pytest.mark.parametrize(
    ("out", "more", "words"),
    [
        ("g", [], "g is not a name for any of the formats; end it in .safetensors for styleclip, and in .pt"),
        ("g.pkl", ["--to", "nvidia"], "g.pkl is not a name for nvidia"),
        ("g.pt", ["--to", "styleclip"], "g.pt is not a name for styleclip"),
        ("g.safetensors", ["--to", "rosinality"], "g.safetensors is not a name for rosinality"),
        ("old.safetensors", [], "old.safetensors exists; pass --overwrite or choose another name"),
        ("tiny.safetensors", [], "tiny.safetensors is the file to be converted; choose another name"),
        ("tiny.safetensors", ["--overwrite"], "is the file to be converted"),
        ("link.safetensors", ["--overwrite"], "is the file to be converted"),
        ("folder.pt", ["--overwrite"], "folder.pt is a folder; name a file in it"),
        ("g.pt", ["--to", "tensorflow"], "'tensorflow' is not one of"),
        ("g.pt", ["--dtype", "int8"], "'int8' is not one of"),
        ("g.pt", ["--label", "cat"], "'cat' is not a valid integer"),
    ],
)
def test_bad_usage(tmp_path: Path, out: str, more: list[str], words: str) -> None:
    (tmp_path / "old.safetensors").write_text("old")
    (tmp_path / "folder.pt").mkdir()
    source = tiny_file(tmp_path)
    (tmp_path / "link.safetensors").symlink_to(source)
    before = source.read_bytes(), names(tmp_path)
    failed(run(source, tmp_path / out, *more), 2, words)
    assert (source.read_bytes(), names(tmp_path)) == before
    assert (tmp_path / "old.safetensors").read_text() == "old"


def test_the_library_keeps_what_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "old.pt").write_text("old")
    with pytest.raises(UsageError, match="exists"):
        convert(tiny_file(tmp_path), tmp_path / "old.pt", "nvidia")


def test_overwriting(tmp_path: Path) -> None:
    (tmp_path / "old.safetensors").write_text("old")
    done(tiny_file(tmp_path), tmp_path / "old.safetensors", "--overwrite")
    assert_same(load_generator(tmp_path / "old.safetensors"), tiny_generator())


@pytest.mark.parametrize("out", ["absent/g.safetensors", "tiny.safetensors/g.pt", "closed/g.pt"])
def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(stat.S_IRUSR | stat.S_IXUSR)
    monkeypatch.setattr(conversion.os, "access", lambda path, _: path != tmp_path / "closed")  # root may do anything
    failed(
        run(tiny_file(tmp_path), tmp_path / out, "--to", "nvidia" if ".pt" in out else "styleclip"), 1, "cannot write"
    )


@pytest.mark.parametrize("target", ["styleclip", "nvidia"])
def test_a_disk_that_fills_up(tmp_path: Path, target: str) -> None:
    resource = pytest.importorskip("resource")
    source, out = tiny_file(tmp_path), tmp_path / NAMES[target]
    out.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # the system refuses bytes beyond this
    try:
        result = run(source, out, "--to", target, "--overwrite")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    failed(result, 1, f"cannot write {out} (", "File too large", "choose a folder with room that is writable")
    assert out.read_text() == "old" and names(tmp_path) == sorted([source.name, out.name])


@pytest.mark.parametrize("target", FORMATS)
def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    def interrupt(*_: object) -> float:
        raise KeyboardInterrupt

    source = save_generator(even_generator(), tmp_path / "source")
    monkeypatch.setattr(conversion, "largest_difference", interrupt)
    result = run(source, tmp_path / NAMES[target], "--to", target)
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr.endswith("Interrupted; nothing was kept\n")
    assert names(tmp_path) == ["source"]


def test_no_generator(tmp_path: Path) -> None:
    torch.save(torch.zeros(2, 10, 8), tmp_path / "latents.pt")
    failed(
        run(tmp_path / "latents.pt", tmp_path / "g.safetensors"), 1, "it holds latents, no generator; pass a file with"
    )
    (tmp_path / "junk.pt").write_bytes(b"junk")
    failed(run(tmp_path / "junk.pt", tmp_path / "g.safetensors"), 1, "junk.pt: it is neither")


def test_the_proof_sees_every_difference() -> None:
    for name in ("mapping.w_avg", "synthesis.b16.torgb.bias", "synthesis.b8.conv0.noise_const"):
        changed = tiny_generator()
        changed.state_dict()[name].add_(0.01)
        assert largest_difference(tiny_generator(), changed) > conversion.TOLERANCE
    changed.state_dict()["synthesis.b8.conv0.bias"].fill_(torch.nan)
    assert not largest_difference(tiny_generator(), changed) <= torch.inf
