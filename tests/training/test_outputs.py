"""What lies in the folder of a training before it begins: nothing of another one is lost without --overwrite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.errors import OutputError
from styleclip.training.checkpoint import STATE, Checkpoint, read_state
from styleclip.training.distributed import ProcessGroup
from styleclip.training.outputs import prepare_outputs
from tests.helpers.support import is_one_sentence

EARLIER = ("metrics.jsonl", "samples_000100.png", "events.out.tfevents.1700000000.host.1.0")
MINE = ("samples_holiday.png", "samples_000100.png.bak", "events.out.tfevents.mine", "notes.jsonl", "samples_1.png")


def begin(folder: Path, **options: Any) -> int:
    checkpoint = Checkpoint(folder / "m.training", {"seed": 0}, {"network": torch.nn.Linear(2, 2)})
    given = {"resume": False, "overwrite": False, **options}
    return prepare_outputs([folder / "m.safetensors"], checkpoint, processes=ProcessGroup(), **given)


def write(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(name)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("earlier", EARLIER)
@pytest.mark.parametrize("resume", [False, True])
def test_metrics_of_another_training_stay(tmp_path: Path, earlier: str, resume: bool) -> None:
    """Of one whose result was moved away, and of another set of prompts in the same folder."""
    write(tmp_path / "m.training", earlier)
    with pytest.raises(OutputError, match=f"holds {earlier} of another training; pass --overwrite") as caught:
        begin(tmp_path, resume=resume)
    assert is_one_sentence(caught.value) and names(tmp_path / "m.training") == [earlier]


def test_only_files_of_a_training_are_replaced(tmp_path: Path) -> None:
    write(tmp_path / "m.training", *EARLIER, *MINE)
    assert begin(tmp_path, overwrite=True) == 0
    assert names(tmp_path / "m.training") == sorted([*MINE, STATE])


def test_files_that_are_no_results_are_in_nobodys_way(tmp_path: Path) -> None:
    write(tmp_path / "m.training", *MINE)
    assert begin(tmp_path) == 0
    assert names(tmp_path / "m.training") == sorted([*MINE, STATE])


def test_a_training_is_marked_as_unfinished_from_its_first_moment(tmp_path: Path) -> None:
    """So that its metrics are never taken for those of another."""
    begin(tmp_path)
    assert read_state(tmp_path / "m.training" / STATE)[0]["step"] == 0
    write(tmp_path / "m.training", "metrics.jsonl")
    with pytest.raises(OutputError, match="holds an unfinished training; pass --resume to go on, or --overwrite"):
        begin(tmp_path)
    assert begin(tmp_path, resume=True) == 0
    assert names(tmp_path / "m.training") == [STATE]
