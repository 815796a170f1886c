"""The collector of cyclic garbage rests while a command starts and ends, and works in between and afterwards."""

from __future__ import annotations

import gc

from click.testing import CliRunner

from styleclip.cli import gc_paused, main, resume_gc
from tests.helpers.support import run_python


def test_it_rests_until_the_models_are_there() -> None:
    with gc_paused():
        assert not gc.isenabled()
        resume_gc()
        assert gc.isenabled() and gc.get_freeze_count() > 0
    assert gc.isenabled() and gc.get_freeze_count() == 0


def test_it_works_again_after_a_command_that_fails() -> None:
    assert CliRunner().invoke(main, ["optimize", "--prompt", "a face", "--latent", "nowhere"]).exit_code != 0
    assert gc.isenabled() and gc.get_freeze_count() == 0


def test_nothing_is_looked_through_at_the_exit() -> None:
    lines = (
        "import atexit, gc",
        "from styleclip.cli import gc_paused",
        "atexit.register(lambda: print(gc.get_freeze_count() > 0))",  # runs after what is registered later
        "with gc_paused(): pass",
    )
    result = run_python("-c", "\n".join(lines))
    assert result.stdout == "True\n", result.stderr
