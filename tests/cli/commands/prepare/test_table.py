"""The table that `styleclip prepare` writes, and what is kept of it when interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import styleclip
from styleclip.cli import main
from styleclip.cli.output.progress import EtaProgress
from styleclip.weights.catalog import home
from tests.helpers.files import tensor_content
from tests.helpers.preparation import LAYOUT, SMALL, table
from tests.helpers.support import done, failed

Run = Callable[..., Result]


def test_the_editors_find_it(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    assert styleclip.load(str(files[0]), clip=files[1]).relevance() is None
    result = done(run(*SMALL))
    path, renders, error = result.stdout.splitlines()
    assert Path(path).parent == home() / "relevance" == tmp_path / "cache" / "relevance" and result.stderr == ""
    assert renders.startswith(f"{2 * 3 * LAYOUT.size} renders in ") and renders.endswith(" a second")
    found = table(files)
    assert found.error is not None and found.about["images"] == 3
    median, most = np.percentile(found.error.numpy(), [50, 90])
    assert error == (
        f"Standard error of a row: median {median:.2f}, 90th percentile {most:.2f}; 12 images would halve it"
    )


def test_a_record_for_machines(run: Run, tmp_path: Path) -> None:
    options = ("--psi", "0.5", "--truncate", "coarse", "--seed", "7", "--no-torgb", "--batch-size", "4")
    record = json.loads(done(run(*SMALL, *options, "--out", "new/t.safetensors", "--json")).stdout)
    assert record["files"] == ["new/t.safetensors"] and (tmp_path / "new" / "t.safetensors").is_file()
    assert (record["psi"], record["cutoff"], record["seed"], record["torgb"]) == (0.5, 8, 7, False)
    convolutions = int((~LAYOUT.torgb_mask()).sum())
    assert (record["rows"], record["renders"]) == (convolutions, 2 * 3 * convolutions)
    assert record["renders_per_second"] == pytest.approx(record["renders"] / record["seconds"])
    assert 0 < record["error"]["median"] <= record["error"]["percentile_90"]


@pytest.mark.parametrize(("method", "renders"), [("official", 2 * 3), ("gradient", 3)])
def test_the_other_methods(run: Run, files: tuple[Path, Path], method: str, renders: int) -> None:
    record = json.loads(done(run(*SMALL, "--method", method, "--json")).stdout)
    found = table(files)
    count = int((~LAYOUT.torgb_mask()).sum()) if method == "official" else 1
    assert record["renders"] == renders * count and found.about["method"] == method
    assert bool(found.delta_i[LAYOUT.torgb_mask()].any()) == (method == "gradient")


def test_inspect(run: Run, tmp_path: Path) -> None:
    done(run(*SMALL, "--out", "t.safetensors"))
    result = CliRunner().invoke(main, ["models", "inspect", "t.safetensors"], prog_name="styleclip")
    shown = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line.startswith("  "))
    assert (shown["method"], shown["images"], shown["seed"], shown["clip"]) == ("exact", "3", "5", "tiny")
    assert len(shown["generator"]) == 64


def test_once_is_enough(run: Run, tmp_path: Path) -> None:
    done(run(*SMALL, "--out", "t.safetensors"))
    before = (tmp_path / "t.safetensors").stat().st_mtime_ns
    again = done(run(*SMALL, "--out", "t.safetensors"))
    assert again.stdout.splitlines()[0] == "t.safetensors" and len(again.stdout.splitlines()) == 2
    assert again.stderr == "It was made before, with these settings\n"
    failed(
        run("--method", "exact", "--images", "2", "--num-latents", "50", "--out", "t.safetensors"),
        1,
        "with images 3, not 2",
        "--overwrite",
    )
    assert (tmp_path / "t.safetensors").stat().st_mtime_ns == before
    done(run("--method", "exact", "--images", "2", "--num-latents", "50", "--out", "t.safetensors", "--overwrite"))


def test_ctrl_c(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done(run(*SMALL, "--out", "whole.safetensors"))
    seen: list[int] = []
    show_eta = EtaProgress.show_eta

    def interrupt(self: EtaProgress, channels: int, total: int, left: float, values: Any = None) -> None:
        seen.append(channels)
        if len(seen) == 3:
            raise KeyboardInterrupt
        show_eta(self, channels, total, left, values)

    monkeypatch.setattr(EtaProgress, "show_eta", interrupt)
    result = run(*SMALL, "--out", "t.safetensors")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "Interrupted; what is done is kept, and the same command goes on from there\n"
    failed(
        run("--method", "exact", "--images", "2", "--out", "t.safetensors"),
        1,
        "was begun with images 3, not 2",
        "--restart",
    )
    done(run(*SMALL, "--out", "t.safetensors"))
    assert len(seen) == len(LAYOUT.entries)
    assert tensor_content(tmp_path / "t.safetensors") == tensor_content(tmp_path / "whole.safetensors")


def test_restart(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.part-1-of-1.safetensors").write_bytes(b"torn")
    failed(run(*SMALL, "--out", "t.safetensors"), 1, "cannot be read; pass --restart to begin again")
    done(run(*SMALL, "--out", "t.safetensors", "--restart"))
    assert [file.name for file in tmp_path.iterdir()] == ["t.safetensors"]
