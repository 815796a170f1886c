"""An editor and a prompt for sweeps."""

from __future__ import annotations

import pytest

from styleclip.editor import Editor
from styleclip.prompts import Prompt
from tests.helpers.tiny import models_with_table

PROMPT = Prompt("a face with red hair", ("a face", "a face with hair"))


@pytest.fixture
def editor() -> Editor:
    return Editor(models_with_table(provenance={"generator": {"network": "abc"}}))
