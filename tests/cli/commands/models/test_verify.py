"""`styleclip models verify`: files that are as they were downloaded, changed or absent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from styleclip.weights.catalog import Weight, weights
from tests.helpers.models_command import cells, done, run
from tests.helpers.support import failed


def test_verify(known: Weight, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship = [[name, "ok (no hash is known)"] for name, each in weights().items() if each.ships]
    assert list(map(cells, done("verify").splitlines())) == ship
    done("pull", "tiny")
    rows = list(map(cells, done("verify").splitlines()))
    assert sorted(rows) == sorted([*ship, ["tiny", "ok (as first downloaded)"]])
    result = run("verify", "tiny", "ffhq")
    assert result.exit_code == 1 and cells(result.stdout.splitlines()[1]) == [
        "ffhq",
        "absent; run `styleclip models pull ffhq`",
    ]
    known.path.write_bytes(known.path.read_bytes()[:-1] + b"\0")
    result = run("verify", "tiny", "--json")
    [record] = json.loads(result.stdout)
    assert (
        result.exit_code == 1 and record["verdict"].startswith("its sha256 is ") and record["path"] == str(known.path)
    )
    failed(run("verify", "demo", "fhq"), 1, "no weight is called 'fhq'; the closest are ffhq")


def test_verify_files_of_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    entry = Weight("tiny", "generator", "", "MIT", "tiny.pt", ("https://example.org/tiny.pt",))
    monkeypatch.setitem(weights(), "tiny", replace(entry, sha256=hashlib.sha256(b"published").hexdigest()))
    Path("copy.pt").write_bytes(b"published")
    assert cells(done("verify", "copy.pt")) == ["copy.pt", "ok (sha256 of tiny)"]
    for name, verdict in (("tiny.pt", "its sha256 is "), ("other.pt", "unknown; no weight of the catalog")):
        Path(name).write_bytes(b"changed")
        result = run("verify", name, "--json")
        [record] = json.loads(result.stdout)
        assert result.exit_code == 1 and record["name"] == name and record["verdict"].startswith(verdict)
