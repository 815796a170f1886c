"""The kind of a file by its first bytes and its suffix: photos that open, photos that do not, and no photos."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

HEAD_BYTES = 64  # by which a kind is recognised
PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib"),
    *(".gif", ".jp2", ".j2k", ".jpx", ".j2c", ".avif", ".avifs", ".heic", ".heif", ".heics", ".hif", ".psd"),
    *(".qoi", ".ppm", ".pgm", ".pbm", ".pnm"),
)
RAW = "a camera raw file"
JXL = "a JPEG XL picture"
VIDEO = "a video"
UNSUPPORTED_SUFFIXES = {  # of pictures; those with a package of their own open where it is installed
    JXL: ".jxl",
    RAW: ".3fr .arw .cr2 .cr3 .crw .dcr .dcs .dng .drf .erf .fff .gpr .iiq .k25 .kdc .mef .mos "
    ".mrw .nef .nrw .orf .ori .pef .raf .raw .rw2 .rwl .rwz .sr2 .srf .srw .x3f",
    "a large Photoshop file": ".psb",
    "a GIMP file": ".xcf",
    "a Krita file": ".kra",
    "an icon": ".ico .icns",
    "a picture of a kind that is not read": ".tga .dds .exr .hdr .pcx .jxr .wdp .hdp .bpg .flif .fits .dcm .xpm "
    ".xbm .sgi .pct .afphoto",
}
OTHER_SUFFIXES = {  # of files in a folder of photos that are none
    "an SVG drawing": ".svg .svgz",
    "a PDF document": ".pdf",
    "a PostScript file": ".eps .ps .ai",
    VIDEO: ".mp4 .mov .m4v .qt .avi .mkv .webm .mpg .mpeg .m2v .wmv .3gp .3g2 .mts .m2ts .flv .ogv .insv .lrv",
}
UNSUPPORTED_HEADS = {  # in lower case
    b"%pdf": "a PDF document",
    b"%!ps": "a PostScript file",
    b"8bps\0\x02": "a large Photoshop file",
    b"gimp xcf": "a GIMP file",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML file",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"version https://git-lfs": "a Git LFS pointer and not the picture itself",
    b"\x1ae\xdf\xa3": VIDEO,  # Matroska, WebM
    b"\0\0\x01\xba": VIDEO,  # MPEG
    b"fujifilmccd-raw": RAW,
    b"iiro": RAW,  # Olympus
    b"iirs": RAW,
    b"mmor": RAW,
    b"iiu\0": RAW,  # Panasonic
    b"fovb": RAW,  # Sigma
    b"\0mrm": RAW,  # Minolta
    b"\xff\x0a": JXL,
    b"\0\0\0\x0cjxl ": JXL,
}
JPEG_OR_PNG = (b"\xff\xd8\xff", b"\x89PNG")
PHOTO_HEADS = (*JPEG_OR_PNG, b"GIF87a", b"GIF89a", b"8BPS\0\x01", b"qoif", b"\0\0\0\x0cjP  ")
TIFF_HEADS = (b"II*\0", b"MM\0*")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1")  # ISO/IEC 23008-12
AVIF_BRANDS = (b"avif", b"avis")
RAW_BRANDS = (b"crx ",)  # Canon CR3

Container = Literal["heic", "avif", "raw", "other", ""]


def iso_media(head: bytes) -> Container:
    """What an ISO media file holds (ISO/IEC 14496-12, section 4.3), by its brands; "" for other files.

    The compatible brands count too: AVIF may stand behind `mif1`, and HEIC behind the brand of a vendor.
    """
    if head[4:8] != b"ftyp":
        return ""
    compatible = head[16 : max(int.from_bytes(head[:4], "big"), 16)]
    brands = {head[8:12], *(compatible[i : i + 4] for i in range(0, len(compatible), 4))}
    kinds: dict[Container, tuple[bytes, ...]] = {"avif": AVIF_BRANDS, "raw": RAW_BRANDS, "heic": HEIC_BRANDS}
    return next((kind for kind, known in kinds.items() if brands & {*known}), "other")


def is_photo_head(head: bytes) -> bool:
    """Whether a file begins as a photo that opens; TIFF, which many raw files are too, only where its name agrees."""
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return head.startswith(PHOTO_HEADS) or is_webp or iso_media(head) in ("heic", "avif")


def kind_by_head(head: bytes) -> str | None:
    """The kind of a file that is no photo or needs a package of its own, by its first bytes; None for others."""
    if is_photo_head(head):
        return None
    if container := iso_media(head):
        return RAW if container == "raw" else VIDEO
    if head.startswith(TIFF_HEADS):
        return RAW if head[8:10] == b"CR" else None
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return VIDEO
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((kind for magic, kind in UNSUPPORTED_HEADS.items() if start.startswith(magic)), None)


def kind_by_suffix(name: str) -> str | None:
    """The kind of a file that is no photo or needs a package of its own, by its suffix; None for others."""
    suffix = Path(name).suffix.lower()
    tables = {**UNSUPPORTED_SUFFIXES, **OTHER_SUFFIXES}
    return next((kind for kind, suffixes in tables.items() if suffix and suffix in suffixes.split()), None)


def unsupported_kind(head: bytes, name: str) -> str | None:
    """The kind of a file that is no photo or needs a package of its own; None if it may be a photo under any name."""
    return None if is_photo_head(head) else kind_by_suffix(name) or kind_by_head(head)


def remedy(kind: str) -> str:
    """What to do with a file of a kind that does not open."""
    return "save one frame of it as JPEG or PNG" if kind == VIDEO else "save it as JPEG or PNG"
