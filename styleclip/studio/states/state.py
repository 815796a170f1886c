"""The state of a tab of the studio: a face, rows of edits, and strokes of the brush. JSON, version 1 (`read_state`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from styleclip.networks.transform import Transform
from styleclip.prompts import Prompt

VERSION = 1
LIMITS: Mapping[str, float] = {
    "rows": 24,
    "text": 500,  # characters
    "neutrals": 12,
    "strength": 100,
    "beta": 100,
    "psi": 2,
    "seed": 2**53 - 1,  # the largest whole number of JavaScript
    "faces": 1000,
    "refine": 2000,  # steps
    "tune": 2000,
    "translate": 10,  # widths of the picture
    "rotate": 360,  # degrees
    "strokes": 200,
    "points": 20_000,
    "name": 200,  # characters of a file's name
}
Relevance = Literal["auto", "regression", "table"]
RELEVANCE: Sequence[Relevance] = ("auto", "regression", "table")


@dataclass(frozen=True)
class Sample:
    """A face that the generator draws from a seed, truncated by `psi`."""

    seed: int = 0
    psi: float = 1.0


@dataclass(frozen=True)
class PhotoFace:
    """A face of an uploaded photo: `face` counts from 1, from left to right, 0 is the whole picture.

    `refine` and `tune` are steps.
    """

    sha256: str
    name: str
    face: int = 1
    refine: int = 0
    tune: int = 0


Face = Sample | PhotoFace


@dataclass(frozen=True)
class _Row:
    """What all rows have. `strength` None is the strength that the face needs."""

    id: str
    on: bool
    strength: float | None


@dataclass(frozen=True)
class TextRow(_Row):
    """A direction in style space from texts; `beta` None is that of the method, no neutrals are found by itself."""

    prompt: Prompt
    relevance: Relevance = "auto"
    beta: float | None = None

    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class MapperRow(_Row):
    """A mapper of the catalog by its name, or an uploaded one by its hash."""

    name: str
    sha256: str | None = None

    kind: ClassVar[str] = "mapper"


@dataclass(frozen=True)
class DirectionRow(_Row):
    """A direction of the library or of the catalog by its name, or an uploaded file by its hash.

    `key` is the name of a direction in an uploaded file that holds several.
    """

    name: str
    sha256: str | None = None
    key: str = ""

    kind: ClassVar[str] = "direction"


@dataclass(frozen=True)
class OptimizeRow(_Row):
    """A step that latent optimization found for `face`, the face at the time."""

    prompt: Prompt
    face: Face

    kind: ClassVar[str] = "optimize"


@dataclass(frozen=True)
class UnreadRow:
    """A row with a fault, a sentence; `value` is the row as it came."""

    id: str
    fault: str
    value: Mapping[str, Any]

    kind: ClassVar[str] = "unread"

    @property
    def on(self) -> bool:
        """Whether it is on, as far as it says."""
        return self.value.get("on") is not False


Row = TextRow | MapperRow | DirectionRow | OptimizeRow | UnreadRow


@dataclass(frozen=True)
class Stroke:
    """A stroke of the brush, which adds to the region that may change or takes away; in units of the frame's sides."""

    erase: bool
    radius: float
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ChildChoice:
    """The child of the generator that draws: the name and the hash of its file, and how much of it (`Adapted.mix`).

    `parent_layers` are written as in records, e.g. "0-3".
    """

    name: str
    sha256: str
    amount: float = 1.0
    parent_layers: str = ""


@dataclass(frozen=True)
class State:
    """All that a tab shows.

    Args:
        face: the face that is edited.
        rows: the edits, whose steps add up.
        strokes: the region that may change; none means the whole picture.
        model: the fingerprint of the generator it was made with, where it is known.
        child: what draws in the place of the generator; None for that itself.
        transform: how the picture of a StyleGAN3 is moved and turned; None for where it is drawn.

    Example:
        state = read_state({"version": 1, "face": {"seed": 3}, "rows": []})
        state.record()["face"]  # {"seed": 3, "psi": 1.0}
    """

    face: Face
    rows: tuple[Row, ...] = ()
    strokes: tuple[Stroke, ...] = ()
    model: str | None = None
    child: ChildChoice | None = None
    transform: Transform | None = None

    @property
    def faults(self) -> dict[str, str]:
        """The sentence of every row with a fault, by id."""
        return {row.id: row.fault for row in self.rows if isinstance(row, UnreadRow)}

    def record(self) -> dict[str, Any]:
        """The JSON that `read_state` reads."""
        return {
            "version": VERSION,
            "model": self.model,
            **({} if self.child is None else {"child": asdict(self.child)}),
            **({} if self.transform is None else self.transform.record()),
            "face": face_record(self.face),
            "rows": [_row_record(row) for row in self.rows],
            "strokes": [
                {**asdict(stroke), "points": [list(point) for point in stroke.points]} for stroke in self.strokes
            ],
        }


def face_record(face: Face) -> dict[str, Any]:
    """The JSON that `read_face` reads."""
    return asdict(face) if isinstance(face, Sample) else {"photo": asdict(face)}


def _row_record(row: Row) -> dict[str, Any]:
    if isinstance(row, UnreadRow):
        return dict(row.value)
    record: dict[str, Any] = {"id": row.id, "kind": row.kind, "on": row.on, "strength": row.strength}
    if isinstance(row, TextRow):
        return record | _prompt_record(row.prompt) | {"relevance": row.relevance, "beta": row.beta}
    if isinstance(row, OptimizeRow):
        return record | _prompt_record(row.prompt) | {"face": face_record(row.face)}
    key = {"key": row.key} if isinstance(row, DirectionRow) and row.key else {}
    return record | {"name": row.name} | ({"sha256": row.sha256} if row.sha256 else {}) | key


def _prompt_record(prompt: Prompt) -> dict[str, Any]:
    neutrals = [] if prompt.neutral is None else list(prompt.neutrals)
    return {"prompt": prompt.target, "neutral": neutrals, **prompt.recorded_force}
