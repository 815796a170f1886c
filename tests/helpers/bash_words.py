"""The words of commands as bash reads them."""

from __future__ import annotations

import subprocess


def words_in_bash(script: str) -> list[list[str]]:
    """The words of every `styleclip` command of a script, without the name of the program."""
    printing = f"styleclip() {{ printf '%s\\0' \"$@\"; printf '\\1'; }}\n{script}"
    printed = subprocess.run(["bash", "-c", printing], capture_output=True, check=True, text=True).stdout
    return [each.split("\0")[:-1] for each in printed.split("\1")[:-1]]
