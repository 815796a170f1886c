"""Files made to take all memory, or hours, or the stack."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from styleclip.weights.formats.nvidia_tf import generator_keys
from styleclip.weights.latent_files import load_latents
from styleclip.weights.load import load_clip_file, load_encoder, load_mapper
from tests.helpers.hostile import (
    THREE,
    Op,
    after,
    array,
    call,
    get,
    laughs,
    name,
    namespace,
    op,
    pickled,
    put,
    storage,
    storage_file,
    stream,
    tensor,
    write_archive,
    write_pickle,
    write_stream,
)
from tests.helpers.hostile_values import (
    CLIP,
    DEPTH,
    DICT,
    ENCODE,
    FAR,
    MANY,
    MODULE,
    NAMESPACE,
    ROSINALITY,
    SCRIPT,
    SET,
    Make,
    announcing,
    big,
    children_with,
    described_by,
    hollow_generator,
    latents,
    names,
    nested_records,
    nested_tuples,
    network_of_tensorflow,
    of_archive,
    of_rosinality,
    of_tiny_tensors,
    ones,
    own_child,
    plain,
    repeated,
    tensorflow,
    wide_generator,
)

CASES: dict[str, Make] = {
    # what is announced, but not there
    "a memo index of 2^32 - 1": plain(put("text", 2**32 - 1)),
    "BINBYTES of 4 GB": announcing(b"B", "<I", 2**32 - 1),
    "BINBYTES8 of a terabyte": announcing(b"\x8e", "<Q", 2**40),
    "BINUNICODE8 of a terabyte": announcing(b"\x8d", "<Q", 2**40),
    "BYTEARRAY8 of a terabyte": announcing(b"\x96", "<Q", 2**40),
    "BYTEARRAY8 of 4 GB": announcing(b"\x96", "<Q", 2**32),
    "BINSTRING of 2 GB": announcing(b"T", "<i", 2**31 - 1),
    "LONG4 of 2 GB": announcing(b"\x8b", "<i", 2**31 - 1),
    "FRAME of a terabyte": announcing(b"\x95", "<Q", 2**40),
    # numbers
    "ten million digits": plain(Op(b"L" + b"9" * 10**7 + b"L\n")),
    "ten million digits as INT": plain(Op(b"I" + b"9" * 10**7 + b"\n")),
    "an integer of 10 MB": plain(big(10**7)),
    "a size of 10 MB": lambda path: write_stream(tensor(storage(numel=big(10**7))), path),
    "a shape of 10 MB": lambda path: write_stream(tensor(shape=(big(10**6),) * 10), path),
    "an array with a shape of 10 MB": plain(array(shape=(big(10**6),) * 10)),
    "a million axes": lambda path: write_stream(tensor(shape=ones(10**6), stride=ones(10**6)), path),
    "a clamp of 10 MB": plain({"G_ema": described_by("Generator", num_ws=big(10**7))}),
    # twice the same, of which each is twice the same
    "laughs": plain(laughs()),
    "laughs of dicts": plain({"G_ema": laughs(dict)}),
    "laughs as a key": plain(Op(b"}" + laughs(tuple) + op(1) + b"s")),
    "laughs as keys": plain(Op(b"}(" + laughs(tuple) + op(1) + b"u")),
    "laughs as an item of a set": plain(Op(b"\x8f(" + laughs(tuple) + b"\x90")),
    "laughs as a storage": lambda path: write_stream(tensor(storage(kind=laughs())), path),
    "laughs as the key of a storage": lambda path: write_stream(tensor(storage(key=laughs(tuple))), path),
    "laughs as a size": lambda path: write_stream(tensor(storage(numel=laughs())), path),
    "laughs as a shape": lambda path: write_stream(tensor(shape=laughs()), path),
    "laughs as the type of an array": plain(array(code=laughs(tuple))),
    "laughs as the data of an array": plain(array(data=laughs())),
    "laughs as a device": plain(call(name("torch", "device"), laughs())),
    "laughs as a class": plain({"G_ema": described_by(laughs())}),
    "laughs as an attribute": plain({"G_ema": described_by("Generator", num_ws=laughs(), c_dim=laughs())}),
    "laughs as an argument": tensorflow(
        network_of_tensorflow(static_kwargs={"architecture": laughs()}, variables=[["a/mod_weight", array()]])
    ),
    "laughs as an unknown argument": tensorflow(
        network_of_tensorflow(static_kwargs={"evil": laughs()}, variables=[["a/mod_weight", array()]])
    ),
    "laughs as a version": tensorflow(network_of_tensorflow(version=laughs())),
    "laughs as the name of a function": tensorflow(network_of_tensorflow(build_func_name=laughs())),
    "laughs as a type of encoder": lambda path: write_stream(
        {"state_dict": {"encoder.body.0": tensor()}, "opts": namespace(encoder_type=laughs())}, path
    ),
    "laughs as an option of a mapper": lambda path: write_stream(
        {
            "state_dict": {
                f"mapper.mapping.mapping.{i}.{kind}": tensor() for i in range(1, 5) for kind in ("weight", "bias")
            },
            "opts": {"mapper_type": laughs()},
        },
        path,
    ),
    # depth
    "deep lists": plain(Op(b"]" * DEPTH + b"]" + b"a" * DEPTH)),
    "deep tuples": plain(nested_tuples()),
    "deep dicts": plain(Op((b"}" + op("a")) * DEPTH + b"}" + b"s" * DEPTH)),
    "deep records": plain(nested_records(DEPTH // 4, NAMESPACE)),
    "a deep key": plain(Op(b"}" + nested_tuples(3 * DEPTH) + op(1) + b"s")),
    "deep keys": plain(Op(b"}(" + nested_tuples() + op(1) + b"u")),
    "a deep key of protocol 0": plain(Op(b"(" + nested_tuples() + op(1) + b"d")),
    "a deep key of an OrderedDict": plain(call(DICT, [[nested_tuples(), 1]])),
    "a deep item": plain(Op(b"\x8f(" + nested_tuples() + b"\x90")),
    "a deep item of a frozenset": plain(Op(b"(" + nested_tuples() + b"\x91")),
    "a deep item of a set": plain(call(SET, [nested_tuples()])),
    "a deep key of a storage": lambda path: write_stream(tensor(storage(key=nested_tuples())), path),
    "deep keys of a stream": lambda path: (
        path.write_bytes(stream(tensor()).replace(pickled(["0"], 2), pickled([nested_tuples()], 2))) and path
    ),
    "a deep type of an array": plain(array(code=nested_tuples())),
    "a deep class": plain({"G_ema": described_by(nested_tuples())}),
    "a deep attribute": plain({"G_ema": described_by("Generator", num_ws=nested_tuples())}),
    "a deep tree of a TorchScript archive": lambda path: write_archive(
        nested_records(30_000, MODULE), path, more=SCRIPT
    ),
    # length
    "millions of sets": plain(Op(b"\x8f" * MANY)),
    "millions of memos": plain(Op(b"N" + b"\x94" * MANY)),
    "a million records": plain(Op(b"](" + (NAMESPACE + b")\x81") * 10**6 + b"e")),
    "fifty thousand classes": lambda path: write_archive(
        Op(b"](" + b"".join(name("__torch__", f"C{i}") for i in range(50_000)) + b"e"), path, more=SCRIPT
    ),
    "fifty thousand keys that collide": lambda path: write_pickle(
        Op(b"}(" + b"".join(op(i << 44) + b"N" for i in range(50_000)) + b"u"), path
    ),
    "keys with the same remainder": lambda path: write_pickle(
        Op(b"}(" + b"".join(op(i * (2**61 - 1)) + b"N" for i in range(50_000)) + b"u"), path
    ),
    # copies
    "copies of a list": plain(repeated(ones(10**5), lambda again: call(name("torch", "Size"), again), 20_000)),
    "copies of a set": plain(repeated(ones(10**5), lambda again: call(SET, again), 20_000)),
    "copies of a text": plain(repeated("x" * 10**6, lambda again: call(ENCODE, again, "latin1"), 20_000)),
    "copies of an array": plain(repeated(bytes(4 * 10**6), lambda again: array(shape=(10**6,), data=again), 2_000)),
    "copies of a text in arrays": plain(
        repeated("x" * (4 * 10**6), lambda again: array(shape=(10**6,), data=again), 2_000)
    ),
    "copies of a torch file": plain(
        repeated(stream(storage(numel=131072), {"0": bytes(524288)}), storage_file, 20_000)
    ),
    "a tensor under many names": lambda path: write_stream(
        after(
            put(tensor(storage(numel=250_000), shape=(250_000,)), 1),
            {"g_ema": {**ROSINALITY, **names(5_000, get(1))}},
        ),
        path,
        {"0": bytes(10**6)},
    ),
    "ten thousand views of two far numbers": lambda path: write_stream(
        {"g_ema": {**ROSINALITY, **names(10_000, FAR)}}, path, THREE | {"1": bytes(4 * 10**6)}
    ),
    "ten thousand views of one number": lambda path: write_archive(
        {"g_ema": {**ROSINALITY, **names(10_000, tensor(storage("1", 10**7), shape=(1,)))}},
        path,
        THREE | {"1": bytes(4 * 10**7)},
    ),
    "the same styles for all layers": latents(26, 10_000_000),
    "the same styles for a hundred thousand layers": latents(10**5, 2),
    "the same variable for all": lambda path: tensorflow(
        after(
            put(array(shape=(10**6,), data=bytes(4 * 10**6)), 1),
            network_of_tensorflow(variables=[[key.theirs, get(1)] for key in generator_keys(1024, depth=8)]),
        )
    )(path),
    # names that promise more than there is
    "a resolution of 2^12 without noise": of_rosinality(**hollow_generator(12)),
    "a resolution of 2^15 without noise": of_rosinality(**hollow_generator(15)),
    "a resolution of 2^(10^10)": of_rosinality(**{f"to_rgbs.{10**10}.bias": tensor()}),
    "10^9 layers of the mapping": of_rosinality(**{f"style.{10**9}.weight": tensor()}),
    "a mapping of a million numbers, without its average": wide_generator,
    "a network in itself": plain({"G_ema": own_child("m", 500)}),
    "a network in itself, under a long name": plain({"G_ema": own_child("m" * 10**6)}),
    "modules that share their parameters": lambda path: write_pickle(
        {"G_ema": children_with(names(50_000, op(None)))}, path
    ),
    "modules that hide a hundred thousand names": plain(
        after(put(ones(100_000), 3), {"G_ema": children_with({"w": array()}, _non_persistent_buffers_set=get(3))})
    ),
    "modules that hide deep names": plain(
        {"G_ema": children_with({"w": array()}, 1, _non_persistent_buffers_set=[nested_tuples()])}
    ),
    "a noise of 10^6 px": plain({"G_ema": children_with({}, 5, resolution=10**6, use_noise=False)}),
    "components that share their variables": tensorflow(
        after(
            put(network_of_tensorflow(variables=[[f"v{i}", 0] for i in range(9_000)]), 1),
            network_of_tensorflow(components=names(9_000, get(1))),
        )
    ),
    "ten thousand styles of an encoder": lambda path: write_stream(
        {"state_dict": {"encoder.body.0": tensor(), **names(10_000, tensor(), "encoder.styles.{}.x")}}, path
    ),
    "fifteen thousand layers of CLIP": of_tiny_tensors(15_000, "visual.transformer.resblocks.{}.x", CLIP),
    "fifteen thousand tensors": of_tiny_tensors(15_000, "style.1.{}", {"to_rgbs.0.bias": [1]}),
    "ten thousand tables": lambda path: write_archive([tensor(shape=(1,) * 5, stride=(1,) * 5)] * 10_000, path),
    # archives
    "a packed pickle of 50 MB": lambda path: write_archive(
        Op(bytes(5 * 10**7)), path, compression=zipfile.ZIP_DEFLATED
    ),
    "packed tensors of 40 MB": lambda path: write_archive(
        tensor(storage(numel=10**7)), path, {"0": bytes(4 * 10**7)}, compression=zipfile.ZIP_DEFLATED
    ),
    "an archive of many parts": of_archive,
    "a pickle of 5 MB": lambda path: write_archive(bytes(5 * 10**6), path),
}
OTHER_WAYS: dict[str, Callable[[Path], Any]] = {
    "laughs as a type of encoder": load_encoder,
    "laughs as an option of a mapper": load_mapper,
    "a deep tree of a TorchScript archive": load_clip_file,
    "the same styles for all layers": load_latents,
    "the same styles for a hundred thousand layers": load_latents,
    "ten thousand styles of an encoder": load_encoder,
    "fifteen thousand layers of CLIP": load_clip_file,
}
