"""Lines that make the picture of a state again, for a shell and for Python: what both have in common.

`command.command_of` and `python.python_of` write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from styleclip.errors import UsageError
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.studio.drawing.children import Children
from styleclip.studio.states.state import DirectionRow, Face, MapperRow, OptimizeRow, PhotoFace, Sample, State, TextRow
from styleclip.text.names import folder_name, same_name
from styleclip.weights.urls import input_name, is_url

MASK_FILE = "mask.png"
OUT = "edited"  # the folder of the results
Row = TextRow | MapperRow | DirectionRow | OptimizeRow


class Loaded(Protocol):
    """What lines need of the engine: `name` is the model it was started with, `choices` the other options that its
    command was given, such as `clip`, `label` and `device`, `children` what may draw in the place of the model."""

    @property
    def models(self) -> Models: ...

    @property
    def name(self) -> str: ...

    @property
    def choices(self) -> Mapping[str, Any]: ...

    @property
    def children(self) -> Children: ...


@dataclass(frozen=True)
class Recipe:
    """Lines, and the names of the files that they read from the folder they are run in."""

    text: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Bake:
    """A latent optimization that comes before: of a text, on a face."""

    prompt: Prompt
    face: Face


@dataclass
class Ingredients:
    """What the lines of a state name: the model, the rows that move the face, and a file name for each upload.

    Args:
        state: the state; `of` checks that lines can be written for it.
        model: the name of the model, and of its file where it is one.
        choices: the options it was loaded with.
        bakes: the optimizations of the rows, each once.
        names: by the hash of an upload the name of its file; no two are the same.
        files: all files that the lines read, in the order of their mention.
        child: the file of the child that draws.
    """

    state: State
    model: str
    choices: Mapping[str, Any]
    rows: Sequence[Row]
    bakes: Sequence[Bake] = ()
    names: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    child: str | None = None

    @staticmethod
    def of(engine: Loaded, state: State) -> Ingredients:
        """Raises UsageError for rows with a fault, and for those that have no strength yet."""
        rows = moving_rows(state)
        bakes = tuple(dict.fromkeys(Bake(row.prompt, row.face) for row in rows if isinstance(row, OptimizeRow)))
        found = Ingredients(state, _shown_name(engine.name), _shown_choices(engine.choices), rows, bakes)
        found.files += [found.model] if Path(engine.name).is_file() else []
        found.child = None if state.child is None else engine.children.path_of(state.child).name
        found.files += [found.child] if found.child and found.child not in found.files else []
        found.files += [MASK_FILE] if state.strokes else []
        for face in [*(bake.face for bake in bakes), state.face]:
            if isinstance(face, PhotoFace):
                found._add(face.sha256, face.name, ".png")
        for row in rows:
            if isinstance(row, DirectionRow | MapperRow) and row.sha256:
                found._add(row.sha256, row.name, ".safetensors")
        return found

    def _add(self, sha256: str, name: str, suffix: str) -> None:
        """Choose a file name for an upload: its own, or with a number where that is taken."""
        if sha256 in self.names:
            return
        path = PurePosixPath(folder_name(file_name(name), "file"))
        path = path if path.suffix else path.with_name(path.name + suffix)
        taken, number = [*self.files, OUT], 2
        chosen = path.name
        while any(same_name(chosen, other) for other in taken):
            chosen, number = f"{path.stem}-{number}{path.suffix}", number + 1
        self.names[sha256] = chosen
        self.files.append(chosen)

    @property
    def loads_parent(self) -> bool:
        """Whether lines load the generator beside its child: it makes the optimizations."""
        return self.child is not None and bool(self.bakes)

    def child_choices(self) -> dict[str, Any]:
        """The options that the child is loaded with."""
        assert self.state.child is not None
        own = {"amount": self.state.child.amount, "parent_layers": self.state.child.parent_layers}
        shared = {name: value for name, value in self.choices.items() if name not in own}
        return {**shared, **{name: value for name, value in own.items() if value not in (1, "")}}

    def drawing_choices(self) -> dict[str, Any]:
        """The options that the generator which draws is loaded with."""
        choices = self.choices if self.child is None else self.child_choices()
        return {**choices, **(self.state.transform.record() if self.state.transform else {})}

    def bake_of(self, row: OptimizeRow) -> int:
        """The number of the optimization of a row, from 1."""
        return [*self.bakes].index(Bake(row.prompt, row.face)) + 1

    def name_of(self, row: DirectionRow | MapperRow) -> str:
        """The name of a direction or mapper of the library or the catalog, or that of the file of an uploaded one.

        Raises UsageError for one of several directions in a file whose name FILE:NAME cannot say.
        """
        if not row.sha256:
            return row.name
        key = row.key if isinstance(row, DirectionRow) else ""
        if ":" in key:
            raise UsageError(f"the direction {key!r} has ':' in its name, which FILE:NAME cannot say; rename it")
        return f"{self.names[row.sha256]}:{key}" if key else self.names[row.sha256]


def moving_rows(state: State) -> list[Row]:
    """The rows that may move the face: those that are on, with a strength other than 0.

    Directions are among them also at 0, as an absolute one moves the face there. Raises UsageError for a row with a
    fault, and for one without a strength.
    """
    rows: list[Row] = []
    for number, row in enumerate(state.rows, start=1):
        if not isinstance(row, Row):
            raise UsageError(f"row {number} has a fault ({row.fault.rstrip('.')}); mend or remove it")
        if row.on and row.strength is None:
            raise UsageError(f"row {number} has no strength yet; wait until its slider has found one, or type a number")
        if row.on and (row.strength or isinstance(row, DirectionRow)):
            rows.append(row)
    return rows


def row_title(row: Row) -> str:
    """What a row is called in names of files: its prompt, or the name of its direction, mapper or file."""
    if isinstance(row, TextRow | OptimizeRow):
        return row.prompt.target
    key = row.key if isinstance(row, DirectionRow) else ""
    return key or (PurePosixPath(row.name).stem if row.sha256 else row.name)


def file_name(name: str) -> str:
    """The name of a file without its folders, with slashes of any system."""
    return name.replace("\\", "/").rpartition("/")[2]


def face_title(face: Face) -> str:
    """What a face is called in names of files."""
    return f"seed {face.seed}" if isinstance(face, Sample) else PurePosixPath(face.name).stem


def _shown_choices(choices: Mapping[str, Any]) -> dict[str, Any]:
    """The options without folders: a file by its name, that of a CLIP after its architecture."""
    return {key: _shown_name(value) if isinstance(value, str) else value for key, value in choices.items()}


def _shown_name(name: str) -> str:
    architecture, slashes, path = name.partition("//")  # ViT-B-32//home/me/clip.pt
    if slashes and not is_url(name):
        return f"{architecture}/{Path(path).name}"
    return Path(name).name if Path(name).is_absolute() else str(input_name(name))
