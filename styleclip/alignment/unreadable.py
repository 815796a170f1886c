"""What a file is that Pillow does not read: told by its first bytes or its suffix, for a message that helps."""

from __future__ import annotations

from pathlib import Path

RAW = ".arw .cr2 .cr3 .dng .nef .nrw .orf .pef .raf .raw .rw2 .srw"  # TIFF inside, of which only a thumbnail is seen
KINDS = {
    "a camera raw file": RAW,
    "a HEIC picture": ".heic .heif .hif",
    "an SVG drawing": ".svg .svgz",
    "a PDF document": ".pdf",
    "a PostScript file": ".eps .ps .ai",
    "a Photoshop file": ".psd .psb",
    "a GIMP file": ".xcf",
    "a JPEG XL picture": ".jxl",
    "a video": ".mp4 .mov .m4v .avi .mkv .webm",
}
BY_SUFFIX = {suffix: kind for kind, suffixes in KINDS.items() for suffix in suffixes.split()}
BY_HEAD = {
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript file",
    b"8BPS": "a Photoshop file",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML file",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"version https://git-lfs": "a Git LFS pointer and not the picture itself",
}
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG")  # JPEG and PNG are what they are under any name
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # ISO/IEC 23008-12


def unsupported_format(head: bytes, path: Path) -> str | None:
    """What a file with these first bytes (64 are enough) and this name is, in words; None if it may be a picture."""
    if head.startswith(SIGNATURES):
        return None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, kind in BY_HEAD.items():
        if start[: len(magic)].lower() == magic.lower():
            return BY_SUFFIX.get(path.suffix.lower(), kind)
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS and b"avif" not in head:
        return "a HEIC picture"
    return BY_SUFFIX.get(path.suffix.lower())
