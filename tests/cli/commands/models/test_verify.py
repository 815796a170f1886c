"""`styleclip models verify`: files that are as they were downloaded, changed or absent."""

from __future__ import annotations

import json
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
