"""What differs between the record of a result and that of the same result made again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from styleclip.replays.recorded import bare_name
from styleclip.storage.files import to_json

FIRST = ("provenance",)  # keys whose values are told by their own keys alone
LEFT_OUT = ("seconds", "scores", "pictures", "picture", "studio", "load", "note", "directions", "views", "gain", "file")
NOTHING = "nothing"


def record_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """A line for each value that differs: `versions.torch: 2.6.0 then, 2.7.1 now`.

    Files are compared by their hashes and names, not by their paths; times and scores are left out. A value that the
    older record lacks is not told.
    """
    old, new = dict(_values(before)), dict(_values(json.loads(to_json(after))))
    lines = []
    for key in [*old, *(each for each in new if each not in old)]:
        if key in old and old[key] != new.get(key):
            lines.append(f"{key}: {_shown(old[key])} then, {_shown(new.get(key))} now")
    return list(dict.fromkeys(lines))


def _values(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every number and text of a record with its keys, joined by dots; texts that are paths by their last part."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name not in LEFT_OUT:
                yield from _values(each, key if name in FIRST else f"{key}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _values(each, f"{key}.{number}")
    else:
        yield key, bare_name(value) if isinstance(value, str) else value


def _shown(value: Any) -> str:
    return NOTHING if value is None else str(value)
