"""`styleclip models convert`: what cannot be converted is refused, and leaves nothing behind."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import torch

from styleclip.errors import UsageError, WeightError
from styleclip.weights import convert as conversion
from styleclip.weights.convert import convert, largest_difference
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import load_generator
from tests.helpers.compare_networks import assert_same
from tests.helpers.conversions import (
    FORMATS,
    NAMES,
    done,
    even_generator,
    failed,
    names,
    run,
    tiny_file,
)
from tests.helpers.tiny import tiny_generator

pytestmark = pytest.mark.filterwarnings("ignore:rosinality's code builds no generator")


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
    failed(run(tmp_path / "junk.pt", tmp_path / "g.safetensors"), 1, "junk.pt: it is a text file, not weights")


def test_the_proof_sees_every_difference() -> None:
    for name in ("mapping.w_avg", "synthesis.b16.torgb.bias", "synthesis.b8.conv0.noise_const"):
        changed = tiny_generator()
        changed.state_dict()[name].add_(0.01)
        assert largest_difference(tiny_generator(), changed) > conversion.MAX_DIFFERENCE
    changed.state_dict()["synthesis.b8.conv0.bias"].fill_(torch.nan)
    assert not largest_difference(tiny_generator(), changed) <= torch.inf
