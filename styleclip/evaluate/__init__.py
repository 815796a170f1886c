"""Measure editors.

`demo_world/` compares edits with the ideal edit of every face, which is known in the demo world. `held_out/` measures
edits of any models by networks that no editor follows. `composition/` and `benchmarks/` measure a CLIP itself.
docs/evaluation.md defines the columns.
"""

from styleclip.demo.wordings import WordingSet, load_wordings, read_prompts
from styleclip.evaluate.demo_world.measures import COLUMNS
from styleclip.evaluate.demo_world.report import Report, load_report
from styleclip.evaluate.demo_world.run import run, run_mappers, run_sliders
from styleclip.evaluate.demo_world.scores import PromptScore, Row

__all__ = [
    "COLUMNS",
    "PromptScore",
    "Report",
    "Row",
    "WordingSet",
    "load_report",
    "load_wordings",
    "read_prompts",
    "run",
    "run_mappers",
    "run_sliders",
]
