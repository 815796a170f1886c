"""Names of folders and files from prompts and photos: one part of a path on any system, and different where asked."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence

MAX_SLUG_CHARS, MAX_SLUG_BYTES = 60, 120
MAX_LISTED = 8  # names in a message
MAX_FOLDER_BYTES = 240  # most disks allow 255 in a name
ILLEGAL = re.compile(r'[/\\:*?"<>|]')  # on Windows, or in any path
RESERVED = {  # on Windows, where superscripts count as digits: COM\u00b9
    *("con", "prn", "aux", "nul", "conin$", "conout$"),
    *(f"{port}{i}" for port in ("com", "lpt") for i in range(10)),
}


def slug(text: str) -> str:
    """`A face, with red hair!` -> `a-face-with-red-hair`. Vowel signs and accents stay with their letters."""
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", text.lower()):
        is_mark = unicodedata.category(character)[0] == "M" and bool(kept) and kept[-1] != "-"
        kept.append(character if is_mark or character.isalnum() or character == "_" else "-")
    name = re.sub("-+", "-", "".join(kept)).strip("-")[:MAX_SLUG_CHARS]
    return _without_reserved(_cut(name, MAX_SLUG_BYTES).strip("-")) or "edit"


def name_title(name: str) -> str:
    """The last part of a path or an address without its suffix: `me/age.pt` -> `age`, `a.safetensors:b` -> `a:b`."""
    last = re.split(r"[/\\]", name.partition("?")[0].rstrip("/\\"))[-1]
    return re.sub(r"\.(npy|npz|pickle|pkl|pt|pth|safetensors)(?=[:@]|$)", "", last)


def folder_name(text: str, empty: str = "photo") -> str:
    """The text as the name of one folder: `..` -> `photo`, `.hidden ` -> `hidden`, `a/b` -> `a_b`, `CON` -> `_CON`.

    What cannot be printed is an underscore, and long names are cut. `empty` is the name of what has none.
    """
    shown = "".join(c if c.isprintable() else "_" for c in ILLEGAL.sub("_", text))
    return _without_reserved(_cut(shown.strip(" ."), MAX_FOLDER_BYTES).rstrip(" .")) or empty


def different_name(name: str, longer: str, taken: Iterable[str]) -> str:
    """The name, or `longer-2`, `longer-3` ... where it is `taken`, apart from case and the form of accents."""
    keys, number = set(map(_key, taken)), 2
    while _key(name) in keys:
        name, number = f"{longer}-{number}", number + 1
    return name


def first_names(names: Sequence[str], most: int = MAX_LISTED) -> str:
    """The first names of several, as a message lists them: `a, b, ...`."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def different_names(names: Iterable[str]) -> list[str]:
    """The names in their order; one that came before, as `different_name` compares them, gets a number: age, age-2."""
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    different = []
    for name in names:
        found = name
        while _key(found) in taken:
            numbers[name] = numbers.get(name, 1) + 1
            found = f"{name}-{numbers[name]}"
        taken.add(_key(found))
        different.append(found)
    return different


def same_name(name: str, other: str) -> bool:
    """Whether some disks take the two names for one: they differ in case, or in how accents are composed."""
    return _key(name) == _key(other)


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _cut(name: str, most: int) -> str:
    """At most so many bytes of the name, in whole characters that file names can have on this system."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        name = name.encode("ascii", "replace").decode().replace("?", "_")
    return name.encode()[:most].decode(errors="ignore")


def _without_reserved(name: str) -> str:
    device = unicodedata.normalize("NFKC", name.partition(".")[0]).strip().casefold()
    return f"_{name}" if device in RESERVED else name
