"""Text from anywhere without control characters: for terminals, JSON, file names and files."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load

from styleclip.images import png_bytes, read_record, write_video
from styleclip.storage.files import to_json
from styleclip.text.names import different_name, different_names, first_names, folder_name, same_name, slug
from styleclip.text.printable import ascii_json, encodable, printable
from styleclip.training.metrics_log import METRICS, MetricsLog
from styleclip.weights.formats.own_files import read_own, save_own
from tests.helpers.support import edit_result

HOSTILE = "caf\udce9\x1b[31m\r\n\0\x7f\x9b\u202e\u2066\u2028\ufeff\U000e0041"


def test_nothing_unprintable_is_left() -> None:
    """Of the characters of most scripts, and some of all others."""
    codes = [*range(0x3100), *range(0xD7FF, 0x10000), *range(0x10000, sys.maxunicode + 1, 97)]
    everything = "".join(map(chr, codes))
    shown = printable(everything)
    left = {unicodedata.category(c) for c in set(shown)} - {"Cf"}
    assert not left & {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}
    assert {c for c in shown if unicodedata.category(c) == "Cf"} == {"\u200c", "\u200d"}
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2J\n", r"a\x1b[2J\n"),
        ("caf\udce9", r"caf\udce9"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("лицо 红 👩\u200d🦰 a\u3000b\xa0c", "лицо 红 👩\u200d🦰 a\u3000b\xa0c"),
        (Path("a\nb"), r"a\nb"),
    ],
)
def test_escapes(text: object, shown: str) -> None:
    assert printable(text) == shown and printable(shown) == shown
    assert printable("a\nb\tc", keep="\n\t") == "a\nb\tc"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "cp437"])
def test_what_an_encoding_lacks_is_escaped(encoding: str) -> None:
    shown = encodable("é лицо 😀", encoding)
    shown.encode(encoding)
    assert ("\\U0001f600" in shown) == (encoding != "utf-8")
    assert encodable("é", "no such encoding") == encodable("é", None) == "é"


def test_json_says_the_same_in_any_encoding() -> None:
    record = {"photo": HOSTILE, HOSTILE: ["é лицо 😀", Path(HOSTILE)]}
    text = to_json(record)
    text.encode()
    assert printable(text, keep="\n") == text and ascii_json(text).isascii()
    expected = {"photo": HOSTILE, HOSTILE: ["é лицо 😀", HOSTILE]}
    assert json.loads(text) == json.loads(ascii_json(text)) == expected


def test_files_take_any_name_in_their_records(tmp_path: Path) -> None:
    """PNGs, result.json, metrics.jsonl and the metadata of safetensors."""
    (tmp_path / "a.png").write_bytes(png_bytes(Image.new("RGB", (8, 8)), {"photo": HOSTILE}))
    assert read_record(tmp_path / "a.png") == {"photo": HOSTILE}
    result = edit_result(prompt=HOSTILE, provenance={"source": {"image": Path(HOSTILE)}})
    result.save(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "result.json").read_bytes())["prompt"] == HOSTILE
    with MetricsLog(tmp_path, 0) as log:
        log.write(1, HOSTILE, "train", {"loss": 1.0})
    assert json.loads((tmp_path / METRICS).read_bytes())["prompt"] == HOSTILE
    save_own("tuning", {"a": torch.zeros(1)}, tmp_path / "t.safetensors", {"photo": HOSTILE}, {"source": "caf\udce9"})
    assert "caf" in read_own(tmp_path / "t.safetensors", "tuning", "tune it again").about["photo"]


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    """The package safetensors writes metadata in random order."""
    tensors = {"b": torch.arange(3.0), "a": torch.zeros(2, 5, dtype=torch.int64)}
    metadata = {"é\x1b": HOSTILE, "y": "2"}
    paths = [tmp_path / f"{i}.safetensors" for i in range(8)]
    contents = {save_own("tuning", tensors, path, {"photo": HOSTILE}, metadata).read_bytes() for path in paths}
    assert len(contents) == 1
    found = load(contents.pop())
    assert found.keys() == tensors.keys() and all(torch.equal(found[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("folder", ["caf\udce9", "-x", "pipe:1", "concat:a|b", "50%03d"])
def test_videos_lie_in_any_folder(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ffmpeg takes some names for options or protocols."""
    monkeypatch.chdir(tmp_path)
    path = write_video([Image.new("RGB", (16, 16))] * 2, Path(folder, "video.mp4"))
    assert path.stat().st_size > 500 and [each.name for each in path.parent.iterdir()] == ["video.mp4"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A face, with red hair!", "a-face-with-red-hair"),
        ("../../etc/passwd", "etc-passwd"),
        ("caf\udce9 \x1b[31m", "caf-31m"),
        ("😀", "edit"),
        ("con", "_con"),
        ("Лицо с рыжими волосами", "лицо-с-рыжими-волосами"),
        ("ใบหน้ายิ้ม", "ใบหน้ายิ้ม"),
        ("मुस्कुराता हुआ चेहरा", "मुस्कुराता-हुआ-चेहरा"),
        ("cafe\u0301", "café"),
        ("a face \u2639\ufe0f", "a-face"),
        ("COM\u00b9", "_com\u00b9"),
    ],
)
def test_names_from_prompts(text: str, name: str) -> None:
    assert slug(text) == name


def test_devices_of_windows_are_no_folders() -> None:
    assert [folder_name(name) for name in ("COM\u00b9", "lpt\u00b3.a", "CONIN$", "Com")] == [
        *("_COM\u00b9", "_lpt\u00b3.a", "_CONIN$", "Com")
    ]


def test_long_names_are_cut_between_characters() -> None:
    assert slug("x" * 500) == "x" * 60 and len(slug("\U00020000" * 500).encode()) == 120
    assert len(folder_name("é" * 200).encode()) == 240 and folder_name("x" * 255) == "x" * 240


def test_names_where_the_system_has_no_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsencode", lambda name: name.encode("ascii"))
    assert slug("лицо 5") == "____-5" and folder_name("é") == "_"


def test_names_differ_by_more_than_case_and_accents() -> None:
    assert same_name("\u00c9.a", "e\u0301.A") and not same_name("a", "b")
    assert different_name("a", "a.png", ["A", "A.PNG-2"]) == "a.png-3"
    assert different_name("b", "b.png", ["a"]) == "b"
    assert different_names(["a", "b", "A", "a", "a-2"]) == ["a", "b", "A-2", "a-3", "a-2-2"]
    assert (first_names(["a", "b"], 2), first_names(["a", "b", "c"], 2)) == ("a, b", "a, b, ...")
