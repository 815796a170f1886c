"""Wrong usage, wrong files and Ctrl-C in `styleclip global-dir`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from torch import Tensor

import styleclip
from styleclip.cli import main
from styleclip.methods import auto_alpha
from styleclip.models import Models
from styleclip.sweep_combinations import MAX_COMBINATIONS
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.relevance_files import save_relevance
from tests.helpers.global_dir import NEUTRAL, PROMPT, TARGET, files_in, moved
from tests.helpers.support import done, failed
from tests.helpers.tiny import tiny_clip, tiny_generator

Run = Callable[..., Result]
BAD_USAGE = [
    ((), "nothing says what to edit; pass --prompt, --edit or --direction"),
    (("--prompt", " "), "the prompt is empty"),
    (("--prompt", TARGET, "--neutral", ""), "the neutral text is empty"),
    (("--neutral", NEUTRAL, "--edit", "a -> b"), "--neutral goes with --prompt"),
    ((*PROMPT, "--edit", "a face -> an old face"), "--prompt and --edit both say what to edit"),
    (("--prompt", TARGET, "--neutral", TARGET), "mean the same to CLIP"),
    ((*PROMPT, "--beta", 0.99), "no style channel reaches beta 0.99; the largest relevance is 0.576"),
    ((*PROMPT, "--channels", 99), "channels are too many"),
    ((*PROMPT, "--channels", 0), "0 is not in the range"),
    ((*PROMPT, "--channels", 3, "--beta", 0.1), "beta and channels both say"),
    ((*PROMPT, "--beta", -0.1), "beta is -0.1; it must be 0 or more"),
    ((*PROMPT, "--alpha", "strong"), "'strong' is not a list of numbers; write it like 4 or -4,0,4 or auto"),
    ((*PROMPT, "--alpha", "1,,2"), "is not a list of numbers"),
    ((*PROMPT, "--alpha", "nan"), "is not a list of numbers"),
    ((*PROMPT, "--alpha", "1,inf"), "is not a list of numbers"),
    ((*PROMPT, "--alpha", ",".join(map(str, range(MAX_COMBINATIONS + 1)))), "these are 101 combinations"),
    ((*PROMPT, "--alpha", "1,2", "--seeds", "0-999"), "2000 pictures are too many for a sheet"),
    ((*PROMPT, "--video", "--seeds", "0-99"), "100 pictures at once are too many for a video"),
    ((*PROMPT, "--video", "avi"), "'avi' is not one of 'mp4', 'gif'"),
    ((*PROMPT, "--sure", 1.5), "1.5 is not in the range"),
    ((*PROMPT, "--images", 0), "0 is not in the range"),
    ((*PROMPT, "--refine-top", 3), "a table is exact already"),
    ((*PROMPT, "--relevance", "gradient", "--statistics", __file__), "--statistics is for a table that has none"),
    (("--edit", "a -> b -> c"), "is not an edit: it has -> more than once; write it like"),
    (("--edit", "a -> b @ much"), "is not an edit: behind the last @ stands its strength, a number; write it like"),
    (("--edit", "a face @ home"), "is not an edit: behind the last @"),
    (("--edit", "@ 2"), "the prompt is empty"),
    (("--edit", "a -> b @ 1, 2, 3"), "is not an edit"),
    (("--edit", "a -> b @"), "is not an edit"),
    (("--edit", "-> a face"), "the neutral text is empty"),
    (("--edit", "a face -> an old face @ 1", "--alpha", 2), "every edit says its alpha after @"),
    (("--edit", "a face -> an old face @ 1, 0.1", "--beta", 0.2), "every edit has its beta already"),
    (("--direction", "absent.safetensors @ much"), "is not a direction; write it like NAME or NAME @ 4"),
    (("--direction", " @ 2"), "names no direction; write it like NAME or NAME @ 4"),
    ((*PROMPT, "--alpha", 1, "--strength", 1), "--alpha and --strength both say how far to go; pass one of them"),
    ((*PROMPT, "--strength", "auto"), "'auto' is not a list of numbers; write it like 1 or -1,0.5,1"),
    (("--edit", "a -> b @ 1", "--strength", 2), "every edit says its alpha after @; leave out --strength"),
    ((*PROMPT, "--alpha", "1,2", "--save-direction", "red"), "--save-direction writes one edit"),
    (("--edit", "a -> b", "--edit", "a -> c", "--save-direction", "red"), "--save-direction writes one edit"),
    ((*PROMPT, "--save-direction", "."), "is a directory"),
]


@pytest.mark.parametrize(("words", "expected"), BAD_USAGE, ids=[" ".join(map(str, case[0]))[:60] for case in BAD_USAGE])
def test_bad_usage(run: Run, tmp_path: Path, words: tuple[object, ...], expected: str) -> None:
    failed(run(*words, "--out", "out"), 2, expected)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("alpha", ["1e300", "1,1e300,2"])
def test_an_alpha_that_no_style_can_take(run: Run, tmp_path: Path, alpha: str) -> None:
    failed(run(*PROMPT, "--alpha", alpha, "--out", "out"), 2, "alpha is 1e+300; it must be a finite number")
    assert files_in(tmp_path) == []


def test_a_table_of_another(run: Run, tmp_path: Path, models: Models) -> None:
    table = models.relevance()
    assert table
    for name, clip, about in (
        ("generator", models.clip, {**table.about, "generator": "other"}),
        ("clip", tiny_clip(seed=1), table.about),
    ):
        save_relevance(replace(table, about=about), clip, tmp_path / "other.safetensors")
        failed(run(*PROMPT, "--relevance", "other.safetensors", "--out", name), 1, "was made for")
        assert files_in(tmp_path) == ["other.safetensors"]
    failed(run(*PROMPT, "--relevance", "nonsense"), 1, "nonsense: there is no such file")


def test_a_table_that_is_not_there(bare: Run, tmp_path: Path) -> None:
    failed(
        bare(*PROMPT, "--relevance", "table"),
        2,
        "has no relevance table; make one with `styleclip prepare --method exact`",
    )


def test_a_direction_that_is_not_there(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(styleclip, "load", lambda *_, **__: pytest.fail("the work began"))
    failed(
        run("--direction", "absent.pt@2", "--out", "out"), 1, "'absent.pt' is neither a direction of the library nor"
    )
    assert files_in(tmp_path) == []


def test_a_direction_of_another_generator(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    done(run(*PROMPT, "--channels", 3, "--save-direction", "red.safetensors", "--out", "one"))
    other = save_generator(tiny_generator(seed=4), tmp_path / "other.safetensors")
    words = ["global-dir", "--model", str(other), "--clip", str(files["clip"]), "--direction", "red.safetensors"]
    result = CliRunner().invoke(main, [*words, "--out", "two"], prog_name="styleclip")
    failed(result, 1, "red.safetensors: this direction was found for another generator; pass that one with --model")
    failed(run("--direction", other), 1, "it holds generator, no direction")
    saved = ("--direction", "red.safetensors", "--out", "three")
    failed(run(*saved, "--channels", 3), 2, "a saved direction has its channels already")
    failed(run(*saved, "--save-direction", "again"), 2, "--save-direction writes one edit")
    assert not (tmp_path / "two").exists()


def test_an_unwritable_direction_is_told_before_the_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(styleclip, "load", lambda *_, **__: pytest.fail("the work began"))
    words = (*PROMPT, "--out", "out", "--save-direction")
    failed(run(*words, "file/red.safetensors"), 1, "cannot write file: a file of that name is in the way")
    failed(run(*words, "file"), 1, "file exists; pass --overwrite or another --save-direction")


def test_earlier_results_stay(run: Run, tmp_path: Path) -> None:
    words = (*PROMPT, "--alpha", "1,2", "--beta", 0.1, "--out", "out")
    done(run(*words))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    failed(run(*words), 1, "out already holds results (grid.png)", "--overwrite")
    (tmp_path / "out" / "grid.png").unlink()
    failed(run(*words), 1, "alpha_1 already holds results", "--overwrite")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}.items() <= before.items()
    done(run(*words, "--overwrite"))


class CtrlC:
    """Stands for `auto_alpha.zero_shot_probability` and presses Ctrl-C when it is called for the n-th time."""

    def __init__(self, calls: int) -> None:
        self.left, self.real = calls, auto_alpha.zero_shot_probability

    def __call__(self, *arguments: Any) -> Tensor:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return self.real(*arguments)


def test_ctrl_c_keeps_the_best_so_far(
    run: Run, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto_alpha, "zero_shot_probability", CtrlC(3))
    words = (*PROMPT, "--channels", 9, "--sure", 1, "--seeds", "0-1", "--grid", "--out", "out")
    result = run(*words, "--alpha", "auto")
    assert result.exit_code == 130 and result.stderr == "Interrupted; kept the best result so far\n"
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert record["interrupted"] is True and "grid.png" not in files_in(tmp_path / "out")
    assert moved(tmp_path / "out", models).any()


def test_ctrl_c_keeps_what_is_finished(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_alpha, "zero_shot_probability", CtrlC(2))
    result = run(*PROMPT, "--channels", 9, "--sure", 1, "--alpha", "auto,1,2", "--json", "--out", "out")
    assert result.exit_code == 130 and result.stderr == "Interrupted; kept 2 of 3 results\n"
    assert [record["settings"]["alpha"] for record in json.loads(result.stdout)["results"]] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["alpha_1", "alpha_2"]
