"""Standard values beside the tensors of a file, which say nothing about its danger: the file opens, they stay inert."""

from __future__ import annotations

import argparse
import array
import collections
import datetime
import decimal
import fractions
import pathlib
import pickle
import random
import re
import types
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.weights.describe import describe
from styleclip.weights.load import load_generator
from styleclip.weights.safe_pickle.containers import open_content
from tests.helpers.compare_networks import assert_same
from tests.helpers.from_tensors import rosinality_checkpoint
from tests.helpers.tiny import tiny_generator

VALUES: dict[str, Any] = {
    "a path": pathlib.PosixPath("/home/someone/ffhq"),
    "a path of Windows": pathlib.PureWindowsPath("C:\\data"),
    "dates": [datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), datetime.date(2020, 1, 2)],
    "times": [datetime.time(3), datetime.timedelta(seconds=4)],
    "a uuid": uuid.UUID(int=2**100 + 7),
    "a namespace": argparse.Namespace(out=Path("out"), size=16, more=types.SimpleNamespace(seed=1)),
    "dicts": [collections.Counter("abc"), collections.defaultdict(list, a=[1]), collections.OrderedDict(a=1)],
    "a queue": collections.deque([1, 2], maxlen=3),
    "sets": [{1, "a"}, frozenset({"b"})],
    "exact numbers": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), 2**200, complex(1, 2)],
    "bytes": [b"abc", bytearray(b"abc"), array.array("d", [1.0])],
    "ranges": [range(3), slice(1, 2), ..., re.compile("a+"), type(None)],
    "of torch": [torch.device("cuda:0"), torch.float16, torch.complex64, torch.Size([1, 2])],
    "tensors": [torch.nn.Parameter(torch.ones(2)), torch.ones(2).bfloat16(), torch.arange(3)],
    "other tensors": [torch.eye(2).to_sparse(), torch.ones(2).to(torch.float8_e5m2), torch.ones(2, dtype=torch.uint16)],
    "a picture": Image.new("RGB", (2, 2)),
    "a module": torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()),
    "numbers of numpy": [np.float32(1.5), np.int64(2), np.bool_(True), np.complex64(1), np.str_("a")],
    "types of numpy": [np.dtype("float64"), np.float32, np.dtype([("a", "f4")])],
    "arrays": [np.arange(3, dtype=np.uint32), np.array(["a", "b"]), np.array([{}, None]), np.ones(2, ">f4")],
    "random states": [random.getstate(), np.random.RandomState(0).get_state(), np.random.RandomState(0)],
    "an array of dates": np.array(["2020-01-02"], "datetime64[D]"),
    "what torch draws from": torch.random.get_rng_state(),
}


INERT_TYPES = ("builtins", "torch", "functools")  # plain values, dtypes, and a `partial` for a class


def save(protocol: int, content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=protocol))


WRITERS: dict[str, Callable[[object, Path], object]] = {
    "zip": torch.save,
    "stream": lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
    "pickle 2": partial(save, 2),
    "pickle 5": partial(save, 5),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_generator_beside_them(tmp_path: Path, write: Callable[[object, Path], object]) -> None:
    path = tmp_path / "network.pt"
    write({**rosinality_checkpoint(), "args": argparse.Namespace(**VALUES), **VALUES}, path)
    assert_same(load_generator(path), tiny_generator())
    assert describe(path)["parts"][0]["kind"] == "generator"


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_each_is_inert(tmp_path: Path, value: object) -> None:
    for protocol in (2, 4):
        save(protocol, {"value": value, "keys": {str(value): 1}}, tmp_path / "value.pkl")
        stored = open_content(tmp_path / "value.pkl").value["value"]
        parts = stored if isinstance(stored, list | tuple) else [stored]
        foreign = [
            part for part in parts if type(part).__module__ not in ("builtins", "torch", "functools")
        ]  # partial: a class
        assert all(type(part).__module__.startswith("styleclip.weights.safe_pickle") for part in foreign)


def test_a_path_as_a_key_is_text(tmp_path: Path) -> None:
    save(4, {Path("faces/a.jpg"): 1}, tmp_path / "table.pkl")
    assert open_content(tmp_path / "table.pkl").value == {"faces/a.jpg": 1}
