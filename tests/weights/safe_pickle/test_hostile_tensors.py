"""Tensors of pickles with false sizes, strides or types are refused."""

from __future__ import annotations

from pathlib import Path

import torch

from styleclip.latents import StyleLayout
from styleclip.weights.latent_files import load_latents
from styleclip.weights.load import load_generator
from tests.helpers.assert_refused import parametrized, refused
from tests.helpers.hostile import (
    Op,
    name,
    op,
    storage,
    storage_file,
    stream,
    tensor,
    write_archive,
    write_pickle,
    write_stream,
)
from tests.helpers.tiny import tiny_generator

HUGE, SET = 10**30, name("builtins", "set")


TENSORS: dict[str, Op] = {
    "2^60 numbers": tensor(storage(numel=2**60)),
    "-1 numbers": tensor(storage(numel=-1)),
    "1.5 numbers": tensor(storage(numel=1.5)),
    "NaN numbers": tensor(storage(numel=float("nan"))),
    "numbers counted by a text": tensor(storage(numel="3")),
    "numbers counted by a list": tensor(storage(numel=[3])),
    "no count": tensor(storage(numel=None)),
    "a storage by a number": tensor(storage(key=0)),
    "a storage by a tuple": tensor(storage(key=("0",))),
    "a storage that is not there": tensor(storage(key="1")),
    "a storage elsewhere": tensor(storage(key="../../../../etc/passwd")),
    "a storage of another kind": tensor(storage(kind="module")),
    "a part of a storage": tensor(storage(view=(("1", 0, 2),))),
    "a storage of a type that is a function": tensor(Op(op(("storage", SET, "0", "cpu", 3)) + b"Q")),
    "a reference too short": tensor(Op(op(("storage",)) + b"Q")),
    "a reference that is a number": tensor(Op(op(5) + b"Q")),
    "another size than the data": tensor(storage(numel=2), shape=(2,)),
    "a storage that is a text": tensor(op("text")),
    "a storage that is a tensor": tensor(tensor()),
    "a negative offset": tensor(offset=-1),
    "an offset beyond": tensor(offset=1),
    "a huge offset": tensor(offset=HUGE),
    "an offset that is a text": tensor(offset="0x"),
    "an infinite offset": tensor(offset=float("inf")),
    "a shape beyond": tensor(shape=(4,)),
    "a stride beyond": tensor(stride=(2,)),
    "a huge stride": tensor(stride=(HUGE,)),
    "2^60 rows": tensor(shape=(2**60,), stride=(1,)),
    "2^60 rows of the same number": tensor(shape=(2**60,), stride=(0,)),
    "a terabyte of the same number": tensor(shape=(2**19, 2**19), stride=(0, 0)),
    "2^93 of the same number": tensor(shape=(2**31,) * 3, stride=(0,) * 3),
    "a negative length": tensor(shape=(-1,)),
    "two negative lengths": tensor(shape=(-1, -3), stride=(1, 1)),
    "a negative stride": tensor(offset=2, stride=(-1,)),
    "a thousand axes": tensor(shape=[1] * 1000, stride=[1] * 1000),
    "a thousand axes of length 0": tensor(shape=[0] * 1000, stride=[0] * 1000),
    "more lengths than strides": tensor(shape=(1, 1)),
    "a shape that is a text": tensor(shape="abc"),
    "a shape that is a number": tensor(shape=3),
    "a shape of texts": tensor(shape=("x",)),
    "a shape of tensors": tensor(shape=(tensor(),)),
    "an empty tensor of huge axes": tensor(shape=(0, 2**62, 2**62), stride=(1, 1, 1)),
}


@parametrized(TENSORS)
def test_tensors(case: Op, tmp_path: Path) -> None:
    value = {"g_ema": {"style.1.weight": case}, "state_dict": {"logit_scale": case, "visual.proj": case}}
    refused(write_stream(value, tmp_path / "legacy.pt"))
    refused(write_archive(value, tmp_path / "zip.pt"))
    refused(write_pickle({"G_ema": storage_file(stream(case))}, tmp_path / "nested.pkl"))
    assert "known weights" not in refused(write_archive(case, tmp_path / "latents.pt"))


def test_tensors_may_share_a_storage(tmp_path: Path) -> None:
    """As many small views of a large tensor do, and weights that are tied."""
    layout = StyleLayout.from_channels({2**k: 64 for k in range(2, 11)})
    styles = torch.randn(3, layout.size, generator=torch.Generator().manual_seed(0))
    layers = [layer[:, None, :, None, None] for layer in layout.split(styles).values()]
    torch.save(layers, tmp_path / "styles.pt")
    assert (tmp_path / "styles.pt").stat().st_size < 2 * styles.nbytes
    assert torch.equal(load_latents(tmp_path / "styles.pt").data, styles)
    tensors = dict(tiny_generator().state_dict())
    tensors["mapping.w_avg"] = tensors["mapping.fc1.bias"]
    torch.save(tensors, tmp_path / "tied.pt")
    assert torch.equal(load_generator(tmp_path / "tied.pt").w_avg, tensors["mapping.fc1.bias"])
