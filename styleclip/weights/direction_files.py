"""Files of directions of any author, and folders with a file of styles for each layer (StyleGAN-Human)."""

from __future__ import annotations

import re
from pathlib import Path

from styleclip.errors import WeightError
from styleclip.weights.formats.direction_tables import find_directions, styles_by_layer
from styleclip.weights.formats.family import relevance_readings
from styleclip.weights.formats.found_direction import FoundDirection
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_files import KIND
from styleclip.weights.formats.registry import contents_of, kinds_in_words
from styleclip.weights.formats.style_tables import has_unit_rows
from styleclip.weights.safe_pickle.containers import open_content
from styleclip.weights.safe_pickle.lazy_tensors import LazyTensor

LAYER_FILE = re.compile(r"(.+)_(\d{1,3})\.pkl")  # of StyleGAN-Human
REMEDY = "fetch or make the direction again"  # of a file that is damaged, whoever made it
MAX_LAYER_FILES = 100


def read_directions(path: str | Path) -> list[FoundDirection]:
    """The tables of directions in a file of any author, or in a folder with a file for each layer; none is read yet.

    Raises WeightError for a file that is absent, damaged or dangerous, or that holds no direction.

    Example:
        [found] = read_directions("age.pt")
        found.tensor.read()  # [1, 512]
    """
    path = Path(path)
    with error_context(path, REMEDY):
        if path.is_dir():
            return [_read_folder(path)]
        tree = open_content(path)
        found = find_directions(tree)
        if not found:
            raise WeightError(f"it holds {kinds_in_words(contents_of(tree))}, no direction; pass a file with one")
        _check_no_relevance(found)
        return found


def is_own_file(path: str | Path) -> bool:
    """Whether styleclip wrote the file. Raises WeightError for a file that is absent or damaged."""
    with error_context(path, REMEDY):
        return not Path(path).is_dir() and KIND in open_content(Path(path)).metadata


def _check_no_relevance(found: list[FoundDirection]) -> None:
    """Raise WeightError for a relevance table, whose unit rows are in CLIP's space."""
    [first, *others] = found
    if not others and relevance_readings(first.tensor.shape) and has_unit_rows(first.tensor):
        raise WeightError("it is a relevance table (StyleCLIP's fs3.npy), no direction; pass it as --relevance")


def is_layer_folder(path: Path) -> bool:
    """Whether a folder has the styles of a layer in each of its files, and nothing else, by their names."""
    return path.is_dir() and bool(_layer_files(path))


def _layer_files(folder: Path) -> list[Path]:
    """The files NAME_0.pkl, NAME_1.pkl ... in the order of their layers; [] where they are not all of the folder."""
    files = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    numbered = {(match[1], int(match[2])): file for file in files if (match := LAYER_FILE.fullmatch(file.name))}
    whole = len({stem for stem, _ in numbered}) == 1 and len(numbered) == len(files) <= MAX_LAYER_FILES
    ordered = sorted(numbered)
    return [numbered[each] for each in ordered] if whole and ordered[-1][1] == len(files) - 1 else []


def _read_folder(folder: Path) -> FoundDirection:
    """One direction in S from files that end in the number of their layer, e.g. `style_vect_mean_0.pkl`."""
    layers = []
    for file in _layer_files(folder):
        value = open_content(file).value
        if not isinstance(value, LazyTensor):
            raise WeightError(f"{file.name} holds no styles of a layer; pass the file inside of it that is a direction")
        layers.append(value)
    if not layers:
        raise WeightError("it is a folder; pass the file inside of it")
    return styles_by_layer(layers)
