"""The children of the studio's generator: adapted generators in files, which draw in its place at any amount."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleclip.children import load_child
from styleclip.errors import StyleClipError
from styleclip.models import Models
from styleclip.studio.caches import Cache, bytes_of
from styleclip.studio.drawing.needs import key_of
from styleclip.studio.drawing.sources import SourceFace
from styleclip.studio.requests import StudioError
from styleclip.studio.states.read_state import child_layers
from styleclip.studio.states.state import ChildChoice
from styleclip.weights.catalog import home
from styleclip.weights.file_state import FileState, file_state, sha256_of
from styleclip.weights.formats.messages import plain_line
from styleclip.weights.lineage import ancestry, parent_record
from styleclip.weights.own_headers import read_record

FOLDER = "children"  # of the cache folder, whose files are listed
MAX_LISTED = 200
MAX_TEXT_CHARS = 100  # of the texts of a child
MAX_LOADED, MAX_MIXTURES, MAX_MIXTURE_BYTES = 4, 64, 2**29
MAX_FACES, MAX_FACE_BYTES = 64, 2**29


@dataclass(frozen=True)
class ListedChild:
    """A file of a child; `target` is the text that it was adapted to."""

    name: str
    path: Path
    sha256: str
    target: str = ""

    def record(self) -> dict[str, Any]:
        """What the page is told, as JSON."""
        return {"name": self.name, "sha256": self.sha256, "target": self.target}


class Children:
    """Lists the children, loads them and draws faces with them.

    Args:
        models: of the generator that they were adapted from.
        places: files of children, and folders of such files, beside the folder `children` of the cache folder.
    """

    def __init__(self, models: Models, places: Sequence[Path] = ()) -> None:
        self.models, self.places = models, tuple(places)
        self._known: dict[Path, tuple[FileState, ListedChild | None]] = {}
        self._loaded: Cache[Models] = Cache(MAX_LOADED)
        self._mixtures: Cache[Models] = Cache(MAX_MIXTURES, MAX_MIXTURE_BYTES)
        self._faces: Cache[SourceFace] = Cache(MAX_FACES, MAX_FACE_BYTES)
        self._lock = threading.Lock()

    def find_all(self) -> list[ListedChild]:
        """The children as they are on the disk now, in the order of their places; other files are left out."""
        with self._lock:
            found: dict[str, ListedChild] = {}
            for child in filter(None, map(self._read, self._paths())):
                found.setdefault(child.sha256, child)
        return [*found.values()][:MAX_LISTED]

    def models_of(self, choice: ChildChoice) -> Models:
        """The models that draw. Raises StudioError for a child that is not here, or cannot be loaded."""
        key = choice.sha256, choice.amount, choice.parent_layers
        found = self._mixtures.get(key)
        if found is None:
            path = self.path_of(choice)
            try:
                found = self._load(path, choice).at_amount(choice.amount, child_layers(choice.parent_layers))
            except StyleClipError as error:
                told = str(error).replace(str(path), path.name)
                raise StudioError(f"{choice.name} cannot be used: {told}") from error
            self._mixtures.put(key, found, bytes_of(found.generator))
        return found

    def face(self, face: SourceFace, choice: ChildChoice) -> SourceFace:
        """The same face drawn by a child, with the tuning of its inversion. Raises StudioError."""
        key = key_of(face.key, choice.sha256, choice.amount, choice.parent_layers)
        found = self._faces.get(key)
        if found is None:
            models, inversion = self.models_of(choice), face.inversion
            if inversion is not None and inversion.tuning is not None:
                models = inversion.tuning.apply(models)
            found = SourceFace(models, face.latent, key, inversion)
            self._faces.put(key, found, found.size_bytes + bytes_of(models.generator))
        return found

    def forget_faces(self) -> None:
        """Forget the faces, some of which belong to photos that were put away."""
        self._faces = Cache(MAX_FACES, MAX_FACE_BYTES)

    def path_of(self, choice: ChildChoice) -> Path:
        """The file of a child. Raises StudioError for one that is not here."""
        for child in self.find_all():
            if child.sha256 == choice.sha256:
                return child.path
        raise StudioError(
            f"the studio does not have the child {choice.name}; put its file into the folder children of the cache, or "
            "start the studio with --child and the file"
        )

    def _load(self, path: Path, choice: ChildChoice) -> Models:
        """The models of the child at amount 1."""
        found = self._loaded.get(choice.sha256)
        if found is None:
            found = load_child(path, self.models)
            self._loaded.put(choice.sha256, found)
        return found

    def _paths(self) -> Iterator[Path]:
        for place in (*self.places, home() / FOLDER):
            yield from sorted(place.glob("*.safetensors")) if place.is_dir() else [place]

    def _read(self, path: Path) -> ListedChild | None:
        """The child in a file; None for another file. What was read is kept while the file stays the same."""
        try:
            state = file_state(path)
            if path not in self._known or self._known[path][0] != state:
                self._known[path] = state, self._describe(path)
            return self._known[path][1]
        except (OSError, StyleClipError):
            return None

    def _describe(self, path: Path) -> ListedChild | None:
        parent = parent_record(path)
        base = self.models.generator_fingerprint
        if parent is None or base not in ancestry(parent):
            return None
        target = read_record(path, "generator", "adapt the generator again").get("target")
        text = plain_line(target)[:MAX_TEXT_CHARS] if isinstance(target, str) else ""
        return ListedChild(path.stem, path.resolve(), sha256_of(path), text)
