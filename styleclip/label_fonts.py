r"""Fonts for the labels of sheets and plots, in any script that a font here has.

ASCII is drawn in Pillow's own font; Latin, Greek, Cyrillic and more in DejaVu Sans, which comes with matplotlib; other
scripts in a font of this computer. What no font has is drawn as escapes such as `\u5f20`, with a LabelWarning.
"""

from __future__ import annotations

import functools
import os
import sys
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
from PIL import ImageFont, features

from styleclip.text.printable import JOINERS, printable

MAX_FONTS = 400  # of this computer that are looked at
SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
OTHER_STYLES = ("bold", "italic", "oblique", "mono", "condensed", "serif", "light", "thin", "black", "medium")
RIGHT_TO_LEFT = ("R", "AL")  # Unicode's bidirectional classes
COMBINING = ("Mn", "Mc")  # Unicode's categories of marks
PROBE_PX = 20


class LabelWarning(UserWarning):
    """A label holds characters that no font has, or letters in an order that Pillow cannot lay out."""


class Label(NamedTuple):
    """A text as it can be drawn, and the file of a font with all of its characters; None is Pillow's own font."""

    text: str
    path: Path | None

    def font(self, size: int) -> Any:
        """The font for Pillow, `size` px high."""
        return _pillow_font(self.path, size)

    def plot_style(self) -> dict[str, Any]:
        """The font and the plain reading of `$` for a text of matplotlib."""
        from matplotlib.font_manager import FontProperties

        own = self.path in (None, dejavu_font())
        return {"parse_math": False, **({} if own else {"fontproperties": FontProperties(fname=str(self.path))})}


def drawable_label(text: str) -> Label:
    """The text with a font that has its characters, or most of them and escapes in place of the others."""
    composed = unicodedata.normalize("NFC", printable(text, keep="\n"))  # few fonts place accents themselves
    shown = "".join(c for c in composed if not _is_selector(c))
    if shown.isascii():
        return Label(shown, None)
    _warn_of_order(shown)
    wanted = frozenset(c for c in shown if not c.isspace() and c not in JOINERS)
    path = _best_font(wanted)
    missing = wanted if path is None else frozenset(_missing(path, wanted))
    if missing:
        _warn_of_missing(missing)
    escaped = "".join(c.encode("ascii", "backslashreplace").decode() if c in missing else c for c in shown)
    return Label(escaped, None if escaped.isascii() else path)


@functools.lru_cache(maxsize=64)
def _pillow_font(path: Path | None, size: int) -> Any:
    return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)


def dejavu_font() -> Path | None:
    """DejaVu Sans of matplotlib; None where a distribution has left it out."""
    spec = find_spec("matplotlib")
    folders = spec.submodule_search_locations if spec else None
    paths = (Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf" for folder in folders or ())
    return next(filter(Path.is_file, paths), None)


@functools.lru_cache(maxsize=1024)
def _best_font(wanted: frozenset[str]) -> Path | None:
    """The first font with all of the characters, else the one that lacks the fewest; None where none has any."""
    best, least = None, len(wanted)
    for path in _candidates():
        lacking = len(_missing(path, wanted))
        if lacking < least and _is_usable(path):
            best, least = path, lacking
            if not least:
                _useful[path] = None
                return best
    return best


_useful: dict[Path, None] = {}  # fonts that had all characters of a label, tried before the others


def _candidates() -> Iterator[Path]:
    first = dejavu_font()
    yield from [first] if first else []
    yield from [path for path in _useful if path != first]
    yield from (path for path in system_fonts() if path != first and path not in _useful)


@functools.cache
def system_fonts() -> tuple[Path, ...]:
    """The fonts of this computer: at most MAX_FONTS, upright ones of normal weight without serifs first."""
    found = {Path(top, name) for folder in font_folders() for top, _, names in os.walk(folder) for name in names}
    fonts = [path for path in found if path.suffix.lower() in SUFFIXES]
    return tuple(sorted(fonts, key=lambda path: (_style_rank(path), str(path)))[:MAX_FONTS])


def font_folders() -> list[Path]:
    """The folders of fonts on Linux, macOS and Windows."""
    home, data = Path(os.path.expanduser("~")), platformdirs.user_data_path()
    if sys.platform == "win32":
        return [Path(r"C:\Windows\Fonts"), data / "Microsoft" / "Windows" / "Fonts"]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    return [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), data / "fonts", home / ".fonts"]


def _style_rank(path: Path) -> int:
    """The number of words in the name that stand for another style."""
    return sum(style in path.stem.lower().replace("sansserif", "") for style in OTHER_STYLES)


def _missing(path: Path, wanted: Iterable[str]) -> list[str]:
    """The characters without a glyph in the font, all of them where it cannot be read."""
    from matplotlib.ft2font import FT2Font

    if not path.is_file():  # a pipe would wait
        return [*wanted]
    try:
        font = FT2Font(str(path))
        return [character for character in wanted if not font.get_char_index(ord(character))]
    except Exception:  # whatever FreeType or matplotlib raise for a file that is no font
        return [*wanted]


def _is_usable(path: Path) -> bool:
    """Whether Pillow draws the font in any size: colour bitmaps have one only."""
    try:
        ImageFont.truetype(path, PROBE_PX)
    except (OSError, ValueError):
        return False
    return True


def _is_selector(character: str) -> bool:
    """Whether it asks for one form of the character before it, in colour or not; most fonts have no glyph for it."""
    return "\ufe00" <= character <= "\ufe0f"


def _warn_of_missing(missing: frozenset[str]) -> None:
    names = {unicodedata.name(c).split()[0] if unicodedata.category(c)[0] in "LM" else "symbols" for c in missing}
    scripts = sorted(names)
    what = f"no font here has all characters of a label ({', '.join(scripts[:3])}), which shows their codes"
    warnings.warn(f"{what}; install a font that has them, such as Noto Sans", LabelWarning, stacklevel=2)


def _warn_of_order(text: str) -> None:
    if features.check("raqm"):
        return
    if any(unicodedata.bidirectional(c) in RIGHT_TO_LEFT or unicodedata.category(c) in COMBINING for c in text):
        what = "a label has letters from right to left, or ones that combine, which Pillow here draws one by one"
        warnings.warn(f"{what} from left to right; install FriBiDi", LabelWarning, stacklevel=2)
