"""The texts of a classification: sentences or labels, and the templates around them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from styleclip.errors import UsageError
from styleclip.prompts import check_characters, has_content
from styleclip.text.printable import printable
from styleclip.text.text_files import read_text

MAX_LABELS = 100_000


def check_texts(texts: Sequence[str], least: int = 2) -> tuple[str, ...]:
    """The texts without spaces around them. Raises UsageError for too few, an empty one, and one given twice."""
    for text in texts:
        check_characters(text)
        if not has_content(text):
            raise UsageError(f'a text has no words ({text.strip()!r}); say it in words, e.g. "a face with glasses"')
    stripped = tuple(text.strip() for text in texts)
    twice = next((text for text in stripped if stripped.count(text) > 1), None) if len(stripped) < 1000 else None
    if twice is not None or len(set(stripped)) < len(stripped):
        raise UsageError(f"a text is given twice{f' ({printable(twice)})' if twice else ''}; leave out one of them")
    if len(stripped) < least:
        raise UsageError("probabilities compare texts with one another; pass two or more")
    return stripped


def check_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """The templates. Raises UsageError for none, and for one that has not exactly one `{}`."""
    if not templates:
        raise UsageError('there is no template; pass one with {} in the place of the text, e.g. "a photo of {}"')
    for template in templates:
        check_characters(template)
        if template.count("{}") != 1 or template.replace("{}", "").count("{") or template.replace("{}", "").count("}"):
            raise UsageError(
                f"the template {printable(template[:60])!r} does not have {{}} once; put it in the place of the text"
            )
    return tuple(templates)


def read_labels(path: Path) -> tuple[str, ...]:
    """The lines of a file without blank ones and `#` comments. Raises UsageError where there are none, or too many."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    labels = [line for line in lines if line and not line.startswith("#")]
    if not labels:
        raise UsageError(f"{path} has no label; write one per line")
    if len(labels) > MAX_LABELS:
        raise UsageError(f"{path} has {len(labels):,} labels, more than {MAX_LABELS:,}; pass a part of it")
    return tuple(labels)
