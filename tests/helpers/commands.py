"""Commands with default options that a test may give again: of an option that takes one value the last one counts."""

from __future__ import annotations

from collections.abc import Sequence

import click
from click.testing import CliRunner, Result

from styleclip.cli import main
from styleclip.cli.options.option import Option


def invoke(*words: object) -> Result:
    """`styleclip WORDS`, without the earlier values of options that take one."""
    return CliRunner().invoke(main, last_values([*map(str, words)]), prog_name="styleclip")


def last_values(words: Sequence[str]) -> list[str]:
    command = main.get_command(click.Context(main), words[0])
    options = [each for each in command.params if isinstance(each, Option)] if command else []
    single = {flag for each in options if each.takes_one and not each.is_flag for flag in each.opts}
    pieces: list[list[str]] = []
    for word in words:
        if pieces and pieces[-1][0] in single and len(pieces[-1]) == 1:
            pieces[-1].append(word)
        else:
            pieces.append([word])
    names = [piece[0].partition("=")[0] for piece in pieces]
    last = {name: i for i, name in enumerate(names)}
    return [word for i, piece in enumerate(pieces) if names[i] not in single or last[names[i]] == i for word in piece]
