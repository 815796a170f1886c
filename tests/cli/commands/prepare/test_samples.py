"""`styleclip prepare --method regression`, the default: samples that the editors find."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

import styleclip
from styleclip.cli import main
from styleclip.cli.output.progress import EtaProgress
from styleclip.latents import Space
from styleclip.samples import Samples
from styleclip.stylespace.samples import see_samples
from styleclip.weights.catalog import home
from tests.helpers.files import tensor_content
from tests.helpers.support import done, failed

Run = Callable[..., Result]
FEW = ("--samples", "230")  # three blocks


def samples(files: tuple[Path, Path], path: Path | None = None) -> Samples:
    """The samples that an editor finds, or those at `path`."""
    found = styleclip.load(str(files[0]), clip=files[1], identity="none", samples=path).samples()
    assert found is not None
    return found


def test_the_editors_find_them(run: Run, files: tuple[Path, Path]) -> None:
    result = done(run(*FEW))
    path, renders, share = result.stdout.splitlines()
    assert Path(path).parent == home() / "samples" and result.stderr == ""
    assert renders.startswith("300 renders in ") and renders.endswith(" a second")
    found = samples(files)
    models = styleclip.load(str(files[0]), clip=files[1], identity="none")
    assert torch.equal(found.features, see_samples(models, 230).features)
    w, s = found.fits[Space.W], found.fits[Space.S]
    assert share == (
        f"Variance of held-out samples that CLIP's features explain: {w.explained:.0%} of W (ridge {w.ridge:.2g}), "
        f"{s.explained:.0%} of S (ridge {s.ridge:.2g})"
    )


def test_a_record_for_machines(run: Run, tmp_path: Path) -> None:
    options = ("--psi", "0.5", "--seed", "7", "--method", "regression", "--out", "new/s.safetensors", "--json")
    record = json.loads(done(run(*FEW, *options)).stdout)
    assert record["files"] == ["new/s.safetensors"] and (tmp_path / "new" / "s.safetensors").is_file()
    assert (record["samples"], record["psi"], record["seed"], record["renders"]) == (230, 0.5, 7, 300)
    assert record["renders_per_second"] == pytest.approx(record["renders"] / record["seconds"])
    assert set(record["fits"]) == {"w", "s"} and record["fits"]["w"]["samples"] == 230


def test_once_is_enough(run: Run, tmp_path: Path) -> None:
    done(run(*FEW, "--out", "s.safetensors"))
    before = (tmp_path / "s.safetensors").read_bytes()
    again = done(run("--samples", "100", "--out", "s.safetensors"))
    assert len(again.stdout.splitlines()) == 2
    assert again.stderr == "It was made before, with these settings\n"
    assert (tmp_path / "s.safetensors").read_bytes() == before
    failed(run(*FEW, "--seed", "6", "--out", "s.safetensors"), 1, "with seed 5, not 6; pass --overwrite")
    more = done(run("--samples", "310", "--out", "s.safetensors", "--json"))
    assert json.loads(more.stdout)["renders"] == 200, "of the third block again, and of the fourth"


def test_a_table_is_another_file(run: Run) -> None:
    done(run(*FEW, "--out", "s.safetensors"))
    table = ("--method", "exact", "--images", "2", "--num-latents", "9")
    failed(run(*table, "--out", "s.safetensors"), 1, "exists and was made by something else; pass --overwrite")
    done(run(*table, "--out", "s.safetensors", "--overwrite"))
    failed(run(*FEW, "--out", "s.safetensors"), 1, "exists and was made by something else; pass --overwrite")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--images", "3"), "--images has no use with --method regression; leave it out, or pass --method exact"),
        (("--num-latents", "9"), "--num-latents has no use with --method regression"),
        (("--truncate", "coarse"), "--truncate has no use with --method regression"),
        (("--no-torgb",), "--no-torgb has no use with --method regression"),
        (("--batch-size", "2"), "--batch-size has no use with --method regression"),
        (
            ("--method", "exact", *FEW),
            "--samples has no use with --method exact; leave it out, or pass --method regres",
        ),
        (("--samples", "9"), "--samples"),
        (("--psi", "inf"), "inf is not in the range -100<=x<=100"),
    ],
)
def test_options_of_the_other_methods(run: Run, tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    failed(run(*words), 2, sentence)
    assert not list(tmp_path.iterdir())


def test_ctrl_c(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done(run(*FEW, "--out", "whole.safetensors"))
    show_eta = EtaProgress.show_eta

    def interrupt(self: EtaProgress, done: int, total: int, left: float, values: Any = None) -> None:
        if done == 200:
            raise KeyboardInterrupt
        show_eta(self, done, total, left, values)

    with monkeypatch.context() as patched:
        patched.setattr(EtaProgress, "show_eta", interrupt)
        result = run(*FEW, "--out", "s.safetensors")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "Interrupted; what is done is kept, and the same command goes on from there\n"
    failed(run("--samples", "250", "--out", "s.safetensors"), 1, "was begun with samples 230, not 250", "--restart")
    assert json.loads(done(run(*FEW, "--out", "s.safetensors", "--json")).stdout)["renders"] == 100
    assert tensor_content(tmp_path / "s.safetensors") == tensor_content(tmp_path / "whole.safetensors")


def test_shards(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    done(run(*FEW, "--out", "whole.safetensors"))
    for i in (1, 2):
        done(run(*FEW, "--shard", f"{i}/2", "--out", "s.safetensors"))
    merged = done(run("--merge", "--out", "s.safetensors"))
    path, share = merged.stdout.splitlines()
    assert path == "s.safetensors" and share.startswith("Variance of held-out") and "The shards stay" in merged.stderr
    assert tensor_content(tmp_path / "s.safetensors") == tensor_content(tmp_path / "whole.safetensors")
    failed(run("--merge", "--out", "s.safetensors", "--model", "demo", "--overwrite"), 1, "made for another generator")


def test_shards_in_the_cache(run: Run, files: tuple[Path, Path]) -> None:
    for i in (1, 2):
        done(run(*FEW, "--shard", f"{i}/2"))
    path = done(run("--merge")).stdout.splitlines()[0]
    assert Path(path).parent == home() / "samples" and len(samples(files)) == 230


def test_torchrun(run: Run, files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done(run("--samples", "120", "--out", "s.safetensors"))
    paths = []
    for rank in (2, 0, 1, 1):
        for name, value in (("RANK", rank), ("WORLD_SIZE", 3), ("LOCAL_RANK", rank), ("TORCHELASTIC_RUN_ID", 1)):
            monkeypatch.setenv(name, str(value))
        paths.append(done(run(*FEW, "--out", "s.safetensors")).stdout.splitlines()[0])
    assert paths == ["s.shard-3-of-3.safetensors", "s.shard-1-of-3.safetensors", "s.safetensors", "s.safetensors"]
    found = samples(files, tmp_path / "s.safetensors")
    assert len(found) == 230 and set(found.fits) == {Space.W, Space.S}


def test_inspect(run: Run) -> None:
    done(run(*FEW, "--out", "s.safetensors"))
    result = CliRunner().invoke(main, ["models", "inspect", "s.safetensors"], prog_name="styleclip")
    shown = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line.startswith("  "))
    assert (shown["samples"], shown["seed"], shown["clip"], shown["w.matrix"]) == ("230", "5", "tiny", "[10, 8]")
