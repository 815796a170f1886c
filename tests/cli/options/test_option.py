"""An option of a single value is given once, in every command."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from styleclip.cli import main
from styleclip.cli.options.from_settings import read_settings
from styleclip.cli.options.option import Option, option
from styleclip.errors import UsageError
from styleclip.methods.settings import OptimizeSettings
from tests.helpers.support import failed


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield path + name, command


COMMANDS = dict(commands(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_one_of_ours(name: str) -> None:
    options = [each for each in COMMANDS[name].params if isinstance(each, click.Option)]
    assert [each.name for each in options if not isinstance(each, Option)] == []


SINGLE = [
    (name, each.opts[-1])
    for name, command in COMMANDS.items()
    for each in command.params
    if isinstance(each, Option) and each.takes_one and not each.is_flag and each.name != "video"
]


@pytest.mark.parametrize("name", sorted({name for name, _ in SINGLE}))
def test_two_values_of_one_option_are_an_error(name: str) -> None:
    for flag in [flag for command, flag in SINGLE if command == name]:
        result = CliRunner().invoke(main, [*name.split(), flag, "first", flag, "second"])
        failed(result, 2, f"{flag} is given twice, as 'first' and 'second'; pass one of them")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["optimize", "--prompt", "a", "--align", "--no-align"], "--align and --no-align contradict each other"),
        (
            ["global-dir", "--prompt", "a", "--video", "--video", "gif"],
            "--video is given twice, with and without a value",
        ),
        (["optimize", "--prompt", "a", "--prompt=\x1b[31m"], r"as 'a' and '\x1b[31m'"),
    ],
)
def test_flags_contradict(arguments: list[str], words: str) -> None:
    failed(CliRunner().invoke(main, arguments), 2, words)


def test_the_same_again_is_fine() -> None:
    @click.command()
    @option("--psi", type=float)
    @option("--neutral", multiple=True)
    @option("--align/--no-align", default=None)
    @option("--quiet", is_flag=True)
    @option("--video", is_flag=False, flag_value="mp4")
    def command(**values: object) -> None:
        click.echo(values)

    def run(*arguments: str) -> object:
        return eval(CliRunner().invoke(command, arguments, standalone_mode=False).stdout)

    given = run(*["--psi", "1", "--no-align", "--quiet"] * 2, "--neutral=a", "--neutral=b")
    assert given == {"psi": 1.0, "neutral": ("a", "b"), "align": False, "quiet": True, "video": None}
    assert run("--video") == {"psi": None, "neutral": (), "align": None, "quiet": False, "video": "mp4"}
    assert run("--video", "gif", "--align") == {
        "psi": None, "neutral": (), "align": True, "quiet": False, "video": "gif"
    }  # fmt: skip


def test_a_setting_has_one_value() -> None:
    assert read_settings(OptimizeSettings, ["steps=3", "steps=3"]) == {"steps": 3}
    with pytest.raises(UsageError, match="steps is set twice, to 3 and 4; pass one of them"):
        read_settings(OptimizeSettings, ["steps=3", "steps=4"])
