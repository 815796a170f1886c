"""Our own files after a change: each reader refuses them in one sentence, unless the change is idle."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from styleclip.claims.claim import Claim
from styleclip.directions.loading import load_direction, save_direction
from styleclip.errors import StyleClipError
from styleclip.inversion.generator_delta import GeneratorDelta, load_tuning, save_tuning, tunable_weights
from styleclip.latents import Space
from styleclip.methods.claim_direction import ClaimDirection
from styleclip.methods.mapper import TrainedMapper, load_trained_mapper, save_trained_mapper
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.networks.latent_mapper import LevelsMapper
from styleclip.prompts import Prompt
from styleclip.relevance_table import RelevanceTable, StyleStatistics
from styleclip.samples import Regression, Samples
from styleclip.stylespace.channel_effects import Effects
from styleclip.stylespace.claim_classes import ClaimClasses
from styleclip.stylespace.sample_shards import SampleShard
from styleclip.stylespace.table_shards import TableShard
from styleclip.training.checkpoint import Checkpoint
from styleclip.weights.load import fingerprint
from styleclip.weights.provenance import probe
from styleclip.weights.relevance_files import load_relevance, save_relevance
from styleclip.weights.sample_files import load_samples, save_samples
from tests.helpers.tiny import tiny_models

KINDS = ("direction", "claims", "relevance", "table part", "samples", "samples part", "state", "tuning", "mapper")
EXCEPTION_NAMES = re.compile(r"\b\w+(Error|Exception)\b|Traceback")
VALUES: tuple[Any, ...] = ([], {}, None, True, 10**30, "x" * 20_000, [["x"]])


@pytest.fixture(scope="module")
def models() -> Models:
    models = tiny_models()
    return tiny_models(provenance={"generator": {"network": fingerprint(models.generator)}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


def values(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) + 0.1


def write(kind: str, models: Models, folder: Path) -> tuple[Path, Callable[[Path], object]]:
    """A whole file of this kind, and its reader."""
    size, width, path = models.generator.layout.size, len(probe(models.clip)), folder / f"{kind}.safetensors"
    about = {"generator": models.generator_fingerprint, "clip": "tiny", "clip_preprocess": "correct", "images": 4}
    spread, part = StyleStatistics(values(size), values(size)), {**about, "shard": "1/1", "rows": size}
    parts = {"seed": 1, "psi": 1.0, "samples": 5, **about, "shard": "1/1"}
    if kind in ("direction", "claims"):
        claim = Claim("red hair", None, ("a face with red hair",), ("a face", "an old face"))
        classes = ClaimClasses(claim, (*claim.targets, *claim.alternatives), values(3, width), 10.0)
        claims = (ClaimDirection(classes, values(2, size)),) if kind == "claims" else ()
        tensors = values(size), values(size), values(size)
        direction = StyleDirection(Prompt("a face with red hair"), *tensors, 0.1, 4.0, 0.2, claims=claims)
        return save_direction(direction, models, path), lambda path: load_direction(path, models)
    if kind == "relevance":
        table = RelevanceTable(values(size, width), spread, values(size), values(size), about)
        save_relevance(table, models.clip, path)
        return path, lambda path: load_relevance(
            path, models.generator.layout, models.clip, models.generator_fingerprint or ""
        ).error_quantiles()
    if kind == "table part":
        rows = Effects(torch.arange(3), values(3, width), values(3), values(3))
        return TableShard(part, spread, probe(models.clip), [rows]).save(path), lambda path: TableShard.load(
            path
        ).whole()
    if kind == "samples":
        fit = Regression(Space.W, values(width, 8), values(width), values(8), values(8), 0.1, 0.5, 5)
        save_samples(Samples(values(5, width), 1, 1.0, about, {Space.W: fit}), models.clip, path)
        return path, lambda path: load_samples(path, models.clip, models.generator_fingerprint or "")
    if kind == "samples part":
        part_of = SampleShard(parts, probe(models.clip), [torch.arange(4)], [values(4, width)])
        return part_of.save(path), lambda path: SampleShard.load(path).whole()
    if kind == "state":
        network = torch.nn.Linear(3, 2)
        made = Checkpoint(folder, {"lr": 0.1}, {"network": network, "adam": torch.optim.Adam(network.parameters())})
        return made.save(7), lambda path: read_checkpoint(made, path)
    if kind == "tuning":
        name, weight = next(iter(tunable_weights(models.generator).items()))
        delta = GeneratorDelta({name: torch.zeros_like(weight)}, models.generator_fingerprint, {"steps": 3})
        return save_tuning(delta, path), lambda path: load_tuning(path, models)
    network = LevelsMapper(("coarse",), models.generator.config.w_dim)
    record = {"target": "a red face", "neutral": ["a face"], **about}
    save_trained_mapper(TrainedMapper(network, Prompt("a red face"), record), path)
    return path, lambda path: load_trained_mapper(path, models)


def read_checkpoint(checkpoint: Checkpoint, path: Path) -> int:
    checkpoint.path = path
    return checkpoint.resume()


def changes(tensors: dict[str, Tensor], metadata: dict[str, str]) -> Iterator[tuple[str, Any, Any, bool]]:
    """What is changed, the tensors, the metadata, and whether it has to be refused."""
    for name, tensor in tensors.items():
        others = {each: value for each, value in tensors.items() if each != name}
        yield f"{name} missing", others, metadata, False
        if tensor.is_floating_point() and tensor.numel():
            yield f"NaN in {name}", {**others, name: tensor.clone().fill_(torch.nan)}, metadata, True
            yield f"infinity in {name}", {**others, name: tensor.clone().fill_(torch.inf)}, metadata, True
        yield f"{name} whole", {**others, name: torch.full_like(tensor, 10**9, dtype=torch.long)}, metadata, False
        yield f"{name} of half the shape", {**others, name: torch.zeros(1, 1, 7)}, metadata, True
        yield f"{name} empty", {**others, name: torch.zeros(0)}, metadata, False
    about = json.loads(metadata["about"])
    for name in about:
        yield (
            f"no {name}",
            tensors,
            {**metadata, "about": json.dumps({k: v for k, v in about.items() if k != name})},
            False,
        )
        for value in VALUES:
            yield (
                f"{name} is {str(value)[:9]}",
                tensors,
                {**metadata, "about": json.dumps({**about, name: value})},
                False,
            )
    first = next(iter(about))
    yield "a record of a megabyte", tensors, {**metadata, "about": json.dumps({**about, "more": "x" * 2**20})}, True
    deep = "[" * 5000 + "]" * 5000
    for text in (
        "poem",
        "[1]",
        "null",
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        f'{{"a": {deep}}}',
        f'{{"{first}": 1e999}}',
        "",
    ):
        yield f"about is {text[:12]}", tensors, {**metadata, "about": text}, True
    yield "another kind", tensors, {**metadata, "styleclip": "poem"}, True
    yield "no kind", tensors, {"about": metadata["about"]}, True
    other = {**about, "generator": "f" * 64}
    yield "of another generator", tensors, {**metadata, "about": json.dumps(other)}, False


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_file_is_one_sentence(kind: str, models: Models, folder: Path) -> None:
    path, read = write(kind, models, folder)
    read(path)
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = dict(file.metadata())
    changed, wrong = folder / "changed.safetensors", []
    for what, each, record, refused in changes(tensors, metadata):
        save_file({name: tensor.contiguous() for name, tensor in each.items()}, changed, record)
        try:
            read(changed)
        except StyleClipError as error:
            text = str(error)
            if "\n" in text or ";" not in text or str(changed) not in text or EXCEPTION_NAMES.search(text):
                wrong.append(f"{what}: {text}")
        except Exception as error:
            wrong.append(f"{what}: {type(error).__name__} {error}")
        else:
            if refused and not (kind == "mapper" and what.startswith("about")):
                wrong.append(f"{what}: taken")
    assert wrong == []


@pytest.mark.parametrize("kind", [each for each in KINDS if each not in ("mapper", "relevance")])
def test_nobody_has_to_download_what_was_made_here(kind: str, models: Models, folder: Path) -> None:
    """Relevance tables and mappers may also be files of StyleCLIP."""
    path, read = write(kind, models, folder)
    content, damaged = path.read_bytes(), folder / "damaged.safetensors"
    for each in (b"", content[:5], content[: len(content) // 2], b"a poem", b"PK" + content):
        damaged.write_bytes(each)
        with pytest.raises(StyleClipError) as caught:
            read(damaged)
        text = str(caught.value)
        assert str(damaged) in text and ";" in text and "\n" not in text and "download" not in text
