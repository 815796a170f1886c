"""JSON of reports: lists of numbers on one line."""

from __future__ import annotations

import re


def lists_on_one_line(text: str) -> str:
    """JSON in which every list of numbers is one line."""
    return re.sub(r"\[[-+\d.eE,\s]*\]", lambda match: " ".join(match[0].split()), text)
