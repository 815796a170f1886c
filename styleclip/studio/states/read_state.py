"""The state of a tab from JSON that a client sent.

A row with a fault does not spoil the others: it becomes an `UnreadRow`, which keeps its place and its values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from styleclip.errors import UsageError
from styleclip.networks.transform import Transform
from styleclip.prompts import Prompt
from styleclip.studio.states.json_values import (
    read_flag,
    read_list,
    read_number,
    read_object,
    read_sha256,
    read_text,
    read_whole,
    shown,
    storable,
)
from styleclip.studio.states.state import (
    LIMITS,
    RELEVANCE,
    VERSION,
    ChildChoice,
    DirectionRow,
    Face,
    MapperRow,
    OptimizeRow,
    PhotoFace,
    Relevance,
    Row,
    Sample,
    State,
    Stroke,
    TextRow,
    UnreadRow,
)
from styleclip.text.parsing import format_layers, parse_seeds

MAX_MARGIN = 10.0  # of a stroke beyond the frame, in frames


class StateError(UsageError):
    """A state that cannot be read; `row` is the id of the row with the fault, or ""."""

    def __init__(self, message: str, row: str = "") -> None:
        super().__init__(message)
        self.row = row


def read_state(value: object) -> State:
    """The state in a JSON value. Raises StateError where it is none, or exceeds LIMITS; faults of rows are kept."""
    try:
        found = read_object(value, "the state")
        if found.get("version") != VERSION:
            raise UsageError(
                f"the version of the state is {shown(found.get('version'))}, not {VERSION}; reload the page"
            )
        model = found.get("model")
        return State(
            read_face(found.get("face")),
            tuple(_read_rows(read_list(found.get("rows"), "the rows", int(LIMITS["rows"])))),
            tuple(_read_strokes(read_list(found.get("strokes"), "the strokes", int(LIMITS["strokes"])))),
            None if model is None else read_text(model, "the model", int(LIMITS["name"])),
            None if found.get("child") is None else read_child(found["child"]),
            _read_transform(found),
        )
    except StateError:
        raise
    except UsageError as error:
        raise StateError(str(error)) from error


def read_face(value: object) -> Face:
    """The face in a JSON value: a seed, or a face of a photo. Raises UsageError."""
    found = read_object(value, "the face")
    if "photo" not in found:
        seed = read_whole(found.get("seed"), "the seed", 0, int(LIMITS["seed"]))
        return Sample(seed, read_number(found.get("psi", 1.0), "psi", -LIMITS["psi"], LIMITS["psi"]))
    photo = read_object(found["photo"], "the photo")
    return PhotoFace(
        read_sha256(photo.get("sha256"), "the photo"),
        _read_name(photo),
        read_whole(photo.get("face", 1), "the number of the face", 0, int(LIMITS["faces"])),
        read_whole(photo.get("refine", 0), "refine", 0, int(LIMITS["refine"])),
        read_whole(photo.get("tune", 0), "tune", 0, int(LIMITS["tune"])),
    )


def read_child(value: object) -> ChildChoice:
    """The child in a JSON value. Raises UsageError."""
    child = read_object(value, "the child")
    layers = read_text(child.get("parent_layers", ""), "the layers of the parent", int(LIMITS["name"]))
    return ChildChoice(
        read_text(child.get("name"), "the name of the child", int(LIMITS["name"])),
        read_sha256(child.get("sha256"), "the child"),
        read_number(child.get("amount", 1.0), "the amount of the child", 0, 1),
        format_layers(child_layers(layers)),
    )


def child_layers(text: str) -> tuple[int, ...]:
    """The rows of W+ in the `parent_layers` of a child; raises UsageError for other texts."""
    try:
        return parse_seeds(text, "layers") if text.strip() else ()
    except ValueError as error:
        raise UsageError(str(error).rstrip(".")) from error


def _read_transform(value: Mapping[str, Any]) -> Transform | None:
    """How the picture is moved and turned; None for neither."""
    numbers = read_list(value.get("translate", [0, 0]), "translate", 2)
    if len(numbers) != 2:
        raise UsageError("translate has no two numbers; reload the page")
    x, y = (read_number(number, "translate", -LIMITS["translate"], LIMITS["translate"]) for number in numbers)
    angle = read_number(value.get("rotate", 0.0), "rotate", -LIMITS["rotate"], LIMITS["rotate"])
    return Transform((x, y), angle) if x or y or angle else None


def _read_rows(values: Sequence[Any]) -> list[Row]:
    rows: list[Row] = []
    for value in values:
        row = _read_row(read_object(value, "a row"))
        if any(other.id == row.id for other in rows):
            raise StateError(f"two rows have the id {shown(row.id)}; reload the page", row.id)
        rows.append(row)
    return rows


def _read_row(value: Mapping[str, Any]) -> Row:
    row_id = read_text(value.get("id"), "the id of a row", int(LIMITS["name"]))
    try:
        strength = value.get("strength")
        if strength is not None:
            strength = read_number(strength, "the strength", -LIMITS["strength"], LIMITS["strength"])
        return _read_kind(value, (row_id, read_flag(value.get("on", True), "on"), strength))
    except UsageError as error:
        return UnreadRow(row_id, str(error), storable(value))


def _read_kind(value: Mapping[str, Any], common: tuple[str, bool, float | None]) -> Row:
    kind, sha256 = value.get("kind"), value.get("sha256")
    if kind == "text":
        relevance, beta = value.get("relevance", "auto"), value.get("beta")
        if relevance not in RELEVANCE:
            raise UsageError(f"the relevance is {shown(relevance)}; choose {', '.join(RELEVANCE)}")
        beta = None if beta is None else read_number(beta, "beta", 0, LIMITS["beta"])
        return TextRow(*common, _read_prompt(value), cast(Relevance, relevance), beta)
    if kind == "optimize":
        return OptimizeRow(*common, _read_prompt(value), read_face(value.get("face")))
    if kind == "mapper":
        return MapperRow(*common, _read_name(value), None if sha256 is None else read_sha256(sha256, "the mapper"))
    if kind == "direction":
        sha256 = None if sha256 is None else read_sha256(sha256, "the direction")
        return DirectionRow(*common, _read_name(value), sha256, _read_name(value, "key"))
    raise UsageError(f"the kind of the row is {shown(kind)}; it must be text, optimize, mapper or direction")


def _read_prompt(value: Mapping[str, Any]) -> Prompt:
    most = int(LIMITS["text"])
    target = read_text(value.get("prompt"), "the prompt", most)
    listed = read_list(value.get("neutral"), "the neutral texts", int(LIMITS["neutrals"]))
    neutrals = tuple(read_text(each, "a neutral text", most) for each in listed)
    neutral = (neutrals[0] if len(neutrals) == 1 else neutrals) if neutrals else None
    return Prompt(target, neutral, read_flag(value.get("force", False), "force"))


def _read_name(value: Mapping[str, Any], field: Literal["name", "key"] = "name") -> str:
    return read_text(value.get(field, ""), f"the {field}", int(LIMITS["name"]))


def _read_strokes(values: Sequence[Any]) -> list[Stroke]:
    strokes: list[Stroke] = []
    left = int(LIMITS["points"])
    for value in values:
        stroke = read_object(value, "a stroke")
        points = read_list(stroke.get("points"), "the points of the strokes", left)
        left -= len(points)
        strokes.append(
            Stroke(
                read_flag(stroke.get("erase", False), "erase"),
                read_number(stroke.get("radius"), "the radius of the brush", 0.0, 1.0),
                tuple(_read_point(point) for point in points),
            )
        )
    return strokes


def _read_point(value: object) -> tuple[float, float]:
    numbers = read_list(value, "a point", 2)
    if len(numbers) != 2:
        raise UsageError("a point of a stroke has no two numbers; reload the page")
    x, y = (read_number(number, "a point of a stroke", -MAX_MARGIN, MAX_MARGIN) for number in numbers)
    return x, y
