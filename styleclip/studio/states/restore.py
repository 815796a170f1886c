"""The state that a picture or a file of ours was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from styleclip.errors import UsageError
from styleclip.images import MAX_RECORD_CHARS, read_record
from styleclip.studio.states.from_record import state_of_record
from styleclip.studio.states.read_state import read_state
from styleclip.studio.states.state import State

STUDIO_KEY = "studio"  # of the record inside a PNG: the state


def restore(content: bytes) -> State:
    """The state inside a PNG of the studio, or its JSON; of a PNG of the command line the face and the sliders.

    Raises UsageError for all other bytes, and for a record that does not tell its face.
    """
    if content[:1] == b"{":
        return read_state(_read_json(content))
    record = read_record(content)
    return read_state(record[STUDIO_KEY]) if STUDIO_KEY in record else state_of_record(record)


def _read_json(content: bytes) -> Mapping[str, Any]:
    try:
        if len(content) > MAX_RECORD_CHARS:
            raise ValueError(f"the file has {len(content)} bytes")
        record = dict(json.loads(content))
        if "version" not in record:
            raise ValueError("the object has no version")
        return record
    except (RecursionError, ValueError) as error:
        raise UsageError("the file holds no state of the studio; pass one that it exported, or its PNG") from error
