"""The command line: the group of commands, errors as sentences, exit codes.

The module of a command is imported when it is asked for; torch, and all that imports it, inside functions, when a
command works. So `styleclip ... --help` stays quick.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

import click

from styleclip import interrupts
from styleclip.cli.environment import check_current_folder, is_out_of_memory, open_closed_streams
from styleclip.cli.output.printing import (
    escape_unencodable,
    print_lines,
    print_traceback,
    print_warning,
    printable_messages,
)
from styleclip.errors import StyleClipError, UsageError
from styleclip.methods import settings_methods
from styleclip.storage.files import kept_files, written_files
from styleclip.text.printable import printable
from styleclip.version import __version__

COMMANDS = (
    "optimize",
    "train-mapper",
    "train-encoder",
    "map",
    "global-dir",
    "sliders",
    "invert",
    "sample",
    "stylize",
    "studio",
    "prepare",
    "score",
    "sketch",
    "adapt",
    "draw",
    "evaluate",
    "replay",
    "direction",
    "models",
    "doctor",
)  # each is the function of that name in the module of that name; other methods have a command of their settings

# GOMP_SPINCOUNT: iterations an idle OpenMP thread spins before it sleeps. libgomp's 300,000 last milliseconds, and
# double the time of a step when another process shares the core (0.4 s or more instead of 0.2 s on the demo); alone
# a step takes the same 0.06 s either way.
SPIN_COUNT = "5000"


class Commands(click.Group):
    """The commands, and the one place where an error becomes a sentence and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *(name for name in settings_methods() if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        attribute = name.replace("-", "_")
        module = import_module(f"styleclip.cli.commands.{attribute if name in COMMANDS else 'method'}")
        command: click.Command = getattr(module, attribute) if name in COMMANDS else module.method_command(name)
        return command

    def main(self, *arguments: Any, **options: Any) -> Any:
        open_closed_streams()
        escape_unencodable()
        with interrupts.signal_handlers():
            return super().main(*arguments, **options)

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with printable_messages():
            try:
                return super().make_context(*arguments, **options)
            except BrokenPipeError:
                raise
            except OSError as error:  # of stdout, where --version or --help prints
                raise _as_sentence(error) from error

    def invoke(self, ctx: click.Context) -> object:
        if "OMP_WAIT_POLICY" not in os.environ:
            os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # read when torch is imported
        debugs = os.environ.get("STYLECLIP_DEBUG") == "1"
        if not debugs:
            os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")  # torch.distributed logs stacks of C++ otherwise
        with interrupts.work(), gc_paused(), printable_messages():
            if debugs:
                sys.excepthook = print_traceback
                with warnings.catch_warnings():
                    warnings.showwarning = print_warning
                    return super().invoke(ctx)
            with warnings.catch_warnings():
                warnings.simplefilter("default")
                warnings.showwarning = _show_warning
                return self._invoke_quietly(ctx)

    def _invoke_quietly(self, ctx: click.Context) -> object:
        with written_files():
            try:
                check_current_folder()
                return super().invoke(ctx)
            except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
                raise
            except KeyboardInterrupt:
                _end_interrupted(ctx)
            except Exception as error:
                if interrupts.is_interrupt(error):
                    _end_interrupted(ctx)
                raise _as_sentence(error) from error


def _end_interrupted(ctx: click.Context) -> NoReturn:
    """End the command and say which files are kept."""
    print_lines(f"Interrupted; {kept_files()}", err=True)
    ctx.exit(interrupts.exit_code())


def _as_sentence(error: Exception) -> click.ClickException:
    """The error that click shows as one sentence, with its exit code."""
    if isinstance(error, StyleClipError):
        kind = BadUsage if isinstance(error, UsageError) else click.ClickException
        return kind(printable(error))
    return click.ClickException(printable(unexpected_error_message(error)))


class BadUsage(click.ClickException):
    """A UsageError of the library."""

    exit_code = 2


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="styleclip")
def main() -> None:
    """Edit images of StyleGAN2 and StyleGAN3 with words.

    Results go to stdout, progress and warnings to stderr. Exit code 1: failed, 2: bad usage, 130: interrupted.
    """


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause Python's cyclic garbage collection until `resume_gc` or the end of the block, and at the exit.

    Scanning the million long-lived objects of torch costs 0.5 s while importing and 1 s at the exit.
    """
    atexit.register(gc.freeze)
    gc.disable()
    try:
        yield
    finally:
        resume_gc()
        gc.unfreeze()


def resume_gc() -> None:
    """Collect garbage from here on, and only among objects made from here on."""
    gc.freeze()
    gc.enable()


def unexpected_error_message(error: Exception) -> str:
    """One sentence for an exception that is no StyleClipError."""
    if is_out_of_memory(error):
        return "there is not enough memory; use fewer seeds at once or a smaller --batch-size, or another --device"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:  # files raise OutputError, so this is stdout
        return "cannot write to stdout: the disk is full; free some space or send the output elsewhere"
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        return "too many files are open; raise the limit with `ulimit -n`"
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):  # of tempfile
        return "no folder for temporary files can be written to; free some space in /tmp, or name a folder with TMPDIR"
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        name = str(error.filename or "")
        return f"the name of a file is too long for this system ({name[:40]!r} ...); pass a shorter one"
    what = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {what or 'no message'}; set STYLECLIP_DEBUG=1 for the traceback"


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Show the warnings of this package and of its ops; those of others are for `STYLECLIP_DEBUG=1`."""
    if category.__module__.startswith(("styleclip", "cuda_ops")):
        print_lines(f"Warning: {message}", err=True)
