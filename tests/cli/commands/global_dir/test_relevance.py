"""The relevance that `styleclip global-dir` takes: a table, a published table or the gradient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import Result

from styleclip.models import Models
from styleclip.prompts import Prompt, delta_t
from styleclip.weights.relevance_files import prepared_path
from tests.helpers.checkpoint_writers import save_pickle
from tests.helpers.global_dir import NEUTRAL, PROMPT, TARGET, close, moved, records
from tests.helpers.support import done, failed

Run = Callable[..., Result]


def test_statistics_for_a_published_table(bare: Run, models: Models, tmp_path: Path) -> None:
    layout = models.generator.layout
    rows = F.normalize(torch.randn(int((~layout.torgb_mask()).sum()), 10, generator=torch.Generator().manual_seed(3)))
    np.save(tmp_path / "fs3.npy", rows.numpy())
    std = torch.linspace(0.5, 2, layout.size)
    save_pickle([[part[0].numpy() for part in layout.split(x[None]).values()] for x in (0 * std, std)], tmp_path / "m")
    more = ("--relevance", "fs3.npy", "--statistics", "m", "--alpha", 1, "--beta", 0, "--json", "--out", "out")
    record = records(bare(*PROMPT, *more))[0]
    cosine = rows @ delta_t(models.clip, Prompt(TARGET, NEUTRAL))
    expected = torch.zeros(layout.size)
    expected[~layout.torgb_mask()] = cosine / cosine.abs().max()
    close(moved(tmp_path / "out", models), expected * std)
    assert record["provenance"]["relevance"] == "../fs3.npy" and record["provenance"]["statistics"] == "../m"
    assert record["provenance"]["directions"][0]["relevance"] == {"source": "table", "method": "published"}


def test_without_samples_they_are_rendered_and_kept(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    result = done(bare(*PROMPT, "--samples", 40, "--json", "--out", "first"))
    assert result.stderr == ""
    told = records(result)[0]["provenance"]["directions"][0]
    assert told["relevance"]["source"] == "regression" and told["relevance"]["samples"] >= 40
    monkeypatch.setattr("styleclip.stylespace.samples.see_samples", lambda *_: pytest.fail("they are in the cache"))
    again = records(bare(*PROMPT, "--samples", 40, "--json", "--out", "again"))[0]["provenance"]["directions"][0]
    assert again == told


def test_more_images_change_the_gradient(bare: Run) -> None:
    betas = {
        images: records(bare(*PROMPT, "--relevance", "gradient", "--images", images, "--json", "--out", str(images)))[
            0
        ]["provenance"]["directions"][0]["beta"]
        for images in (2, 3)
    }
    assert betas[2] != betas[3]


def test_refined_channels_are_the_only_ones(bare: Run, models: Models, tmp_path: Path) -> None:
    done(
        bare(*PROMPT, "--relevance", "gradient", "--images", 2, "--refine-top", 4, "--beta", 0, "--torgb", "--out", "o")
    )
    assert (moved(tmp_path / "o", models) != 0).sum() <= 4


def test_a_prepared_table_is_found(bare: Run, models: Models, files: dict[str, Path]) -> None:
    path = prepared_path(models.provenance["generator"]["network"], models.clip)
    path.parent.mkdir(parents=True)
    path.write_bytes(files["relevance"].read_bytes())
    result = done(bare(*PROMPT, "--json"))
    assert result.stderr == ""
    assert records(result)[0]["provenance"]["directions"][0]["relevance"]["source"] == "table"
    failed(bare(*PROMPT, "--refine-top", 3, "--out", "b"), 2, "the table has nothing to refine", "--relevance gradient")
