"""`evaluate --protocol sfe`: edits that are given, edits by an editor, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.celeba_hq import save_greys, write_celeba_hq
from tests.helpers.commands import invoke
from tests.helpers.support import failed

SFE = ("--protocol", "sfe", "--celeba-hq", "CelebA-HQ-img", "--attribute", "Eyeglasses", "--quiet")
JUDGE = ("--judge-clip", "demo-judge-clip")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with CelebA-HQ, a prompt and no Inception."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    write_celeba_hq(tmp_path)
    (tmp_path / "prompts.txt").write_text("a face with glasses\n")
    return tmp_path


def test_edits_by_another_tool(folder: Path) -> None:
    save_greys(folder / "edits", [90] * 5)
    result = invoke("evaluate", *SFE, *JUDGE, "--edited", "edits")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "| attribute | originals | edits | share | clip_fd | clip_kid |"
    assert lines[2].startswith("| Eyeglasses | 2 | 3 | 40.00 % | ")
    assert lines[3:] == [
        "FID needs Inception: run `styleclip models pull fid-inception`.",
        "styleclip-out/protocol-sfe/report.json",
    ]


def test_edits_by_an_editor_that_removes_the_attribute(folder: Path) -> None:
    words = (*JUDGE, "--reversed", "--editor", "global-dir", "--prompts", "prompts.txt", "--json")
    result = invoke("evaluate", *SFE, *words)
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["reversed"] and record["originals"] == [1, 3, 4] and record["edits"] == [0, 2]
    assert record["edited_by"]["prompt"] == "a face with glasses" and record["edited_by"]["seconds"] > 0
    assert sorted(path.name for path in (folder / "styleclip-out/protocol-sfe/edited").iterdir()) == ["0.png", "2.png"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--attribute", "Young"], 2, "the options of CelebA-HQ are for a protocol; pass --protocol sfe too"),
        (["--protocol", "sfe"], 2, "--protocol sfe needs --celeba-hq FOLDER and --attribute NAME; pass both"),
        ([*SFE], 2, "nothing says what the edits shall show; write it into a file for --prompts, or pass --edited"),
        ([*SFE, "--edited", ".", "--editor", "optimize"], 2, "--edited holds the edits of another tool; leave out"),
        ([*SFE, "--edited", ".", "--seeds", "0-3"], 2, "the protocol says which pictures are edited; leave out"),
        ([*SFE, "--edited", ".", *JUDGE, "--unedited", "50"], 2, "the protocol says what is measured; of the options"),
        ([*SFE, "--edited", ".", *JUDGE, "--fid"], 2, "the protocol says what is measured; of the options"),
        ([*SFE, "--edited", ".", "--attribute", "Hat"], 2, "there is no attribute 'Hat'; it is one of"),
    ],
)
def test_what_is_refused(words: list[str], code: int, sentence: str) -> None:
    failed(invoke("evaluate", *words), code, sentence)
