"""`styleclip models` in this process."""

from __future__ import annotations

import json
import re
from pathlib import Path

from click.testing import CliRunner, Result
from safetensors.torch import save_file

from styleclip.cli import main
from tests.helpers.tiny import clip_config, tiny_clip


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["models", *map(str, arguments)], prog_name="styleclip")


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def cells(line: str) -> list[str]:
    return re.split(r"  +", line.strip())


def tiny_clip_file(folder: Path) -> Path:
    config = json.dumps(clip_config())
    save_file(tiny_clip().state_dict(), folder / "clip.safetensors", {"styleclip": "clip", "config": config})
    return folder / "clip.safetensors"
