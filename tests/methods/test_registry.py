"""The list of editing methods, which the front door, `evaluate` and the commands read."""

from __future__ import annotations

import pytest

import styleclip
from styleclip.errors import UsageError
from styleclip.methods import METHODS, make_method, method_class, settings_methods
from tests.helpers.support import run_python


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_its_name_and_is_at_the_front_door(name: str) -> None:
    assert method_class(name).name == name
    assert getattr(styleclip, METHODS[name].class_name) is method_class(name)


def test_methods_are_made_from_their_settings() -> None:
    assert settings_methods() == ["optimize", "global-dir"]
    assert make_method("optimize", steps=3) == styleclip.Optimize(steps=3)
    with pytest.raises(UsageError, match="no editor 'paint'; choose one of optimize, mapper, global-dir"):
        make_method("paint")


def test_the_list_imports_no_torch() -> None:
    result = run_python("-c", "import sys, styleclip.methods; print('torch' in sys.modules)")
    assert result.stdout == "False\n", result.stderr
