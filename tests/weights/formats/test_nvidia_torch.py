"""NVIDIA's PyTorch files: the recorded pickles, round trips through written ones, and what is refused."""

import functools
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.errors import WeightError, WeightWarning
from styleclip.latents import Latent, Space
from styleclip.networks.discriminator import Discriminator
from styleclip.networks.generator import Generator
from styleclip.networks.layers import fir_taps
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.formats.registry import read_all
from styleclip.weights.load import fingerprint, load_generator
from styleclip.weights.state_dict import load_strict, on_meta
from tests.golden import fill
from tests.helpers.checkpoint_writers import save_pickle, write_nvidia_pickle, write_pti, write_tf_pickle
from tests.helpers.compare_networks import SAME, assert_same, error, images, tiny_discriminator, z
from tests.helpers.from_tensors import load_discriminator
from tests.helpers.nvidia_trees import Flavour, Persistent, nvidia_generator, rename, set_at
from tests.helpers.support import run_python
from tests.helpers.tiny import TINY, tiny_generator

GOLDEN = [fill.HERE / f"nvidia_{flavour}_tiny32.pkl" for flavour in ("ada", "sg3repo")]
IMAGE, CODE = 1e-4, 1e-5  # as in test_golden
FULL = StyleGAN2Config(512, 512, (512,) * 8, {2**k: min(512, 2 ** (15 - k)) for k in range(2, 11)})

golden_file = pytest.mark.parametrize("path", GOLDEN, ids=["ada", "sg3"])


@functools.cache
def vectors() -> dict[str, Tensor]:
    return {key: torch.from_numpy(value) for key, value in fill.vectors("stylegan2_nvidia_tiny32").items()}


@golden_file
def test_the_source_in_a_pickle_is_not_run(path: Path) -> None:
    assert b'raise SystemExit("embedded source was executed")' in path.read_bytes()
    load_generator(path)
    load_discriminator(path)
    assert "torch_utils" not in sys.modules and "dnnlib" not in sys.modules


@golden_file
def test_recorded_weights_are_exact(path: Path) -> None:
    found = load_generator(path).state_dict()
    expected = fill.state_dict("stylegan2_nvidia_tiny32")
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name].numpy(), expected[name]) for name in expected)


@golden_file
def test_recorded_images_and_codes(path: Path) -> None:
    generator, golden = load_generator(path), vectors()
    assert error(generator.map(golden["z"]), golden["w"]) <= CODE
    truncated = generator.truncate(Latent(Space.Z, golden["z"]), psi=0.5, cutoff=4)
    assert error(truncated.data, golden["w_trunc"]) <= CODE
    w_plus = Latent(Space.W_PLUS, golden["w_plus"])
    assert error(generator(Latent(Space.Z, golden["z"])), golden["image_z"]) <= IMAGE
    assert error(generator(w_plus), golden["image_w_plus"]) <= IMAGE
    assert error(generator(w_plus, noise="none"), golden["image_w_plus_nonoise"]) <= IMAGE


@golden_file
def test_tensors_come_in_the_order_of_the_state_dict(path: Path) -> None:
    keys = fill.meta("stylegan2_nvidia_tiny32")["keys"]
    assert list(read_all(path)[0].tensors) == [key for key in keys if not key.endswith("resample_filter")]


@pytest.mark.parametrize("flavour", ["ada", "sg3"])
def test_round_trip(tmp_path: Path, flavour: Flavour) -> None:
    config = StyleGAN2Config(8, 6, (7, 9, 6), {4: 5, 8: 7, 16: 3, 32: 4, 64: 2}, conv_clamp=2.0, mapping_lr_mul=0.1)
    generator, critic = tiny_generator(config), tiny_discriminator(mbstd_group_size=2, conv_clamp=1.5)
    path = write_nvidia_pickle(tmp_path / "network.pkl", generator, critic, flavour)
    loaded = load_generator(path)
    assert loaded.config == config
    assert_same(loaded, generator)
    assert error(loaded.map(z(3, 8)), generator.map(z(3, 8))) <= SAME
    assert error(loaded(Latent(Space.Z, z(3, 8))), generator(Latent(Space.Z, z(3, 8)))) <= SAME
    judge = load_discriminator(path)
    assert_same(judge, critic)
    assert error(judge(images()), critic(images())) <= SAME


def test_pti(tmp_path: Path) -> None:
    [part] = read_all(write_pti(tmp_path / "model_ABC_face.pt", tiny_generator()))
    assert (part.kind, part.format) == ("generator", "PTI")
    assert_same(load_generator(tmp_path / "model_ABC_face.pt"), tiny_generator())


def test_the_average_goes_before_the_network_in_training(tmp_path: Path) -> None:
    average, trained = nvidia_generator(tiny_generator()), nvidia_generator(tiny_generator(seed=1))
    path = save_pickle({"G": trained, "G_ema": average}, tmp_path / "both.pkl")
    assert_same(load_generator(path), tiny_generator())
    path = save_pickle({"G": trained, "D": None, "G_ema": None}, tmp_path / "training.pkl")
    with pytest.warns(WeightWarning, match="no moving average G_ema; the generator of its last training step, G"):
        assert_same(load_generator(path), tiny_generator(seed=1))


@pytest.mark.parametrize("layers", [["synthesis.b8.conv0"], [f"synthesis.b{n}.conv1" for n in (4, 8, 16)]])
def test_missing_noise_buffers_are_seeded(tmp_path: Path, layers: list[str]) -> None:
    network = nvidia_generator(tiny_generator())
    for layer in layers:
        del network.at(layer)["_buffers"]["noise_const"]
    path = save_pickle({"G_ema": network}, tmp_path / "quiet.pkl")
    with pytest.warns(WeightWarning, match="lacks some noise buffers; seeded ones are used"):
        first, again = (load_generator(path).state_dict() for _ in range(2))
    lacking = [f"{layer}.noise_const" for layer in layers]
    for name, tensor in tiny_generator().state_dict().items():
        assert torch.equal(first[name], again[name]) and torch.equal(first[name], tensor) == (name not in lacking)


def test_a_lone_average_as_stylegan_nada_saves_it(tmp_path: Path) -> None:
    path = save_pickle({"G_ema": nvidia_generator(tiny_generator())}, tmp_path / "000300.pkl")
    assert_same(load_generator(path), tiny_generator())
    with pytest.raises(WeightError, match="it holds generator, no discriminator; pass a file with one"):
        load_discriminator(path)


def test_a_generator_without_noise_has_noise_of_strength_zero(tmp_path: Path) -> None:
    network = nvidia_generator(tiny_generator())
    for path in ("b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1"):
        layer = network.at(f"synthesis.{path}")
        layer["use_noise"] = False
        del layer["_parameters"]["noise_strength"], layer["_buffers"]["noise_const"]
    generator = load_generator(save_pickle({"G_ema": network}, tmp_path / "silent.pkl"))
    image, random = (generator(Latent(Space.Z, z()), noise=noise) for noise in ("const", "random"))
    assert error(image, tiny_generator()(Latent(Space.Z, z()), noise="none")) <= SAME and torch.equal(image, random)


def test_our_files_keep_the_numbers_no_shape_tells(tmp_path: Path) -> None:
    config = replace(TINY, conv_clamp=0.5, mapping_lr_mul=0.1)
    loaded = load_generator(save_generator(tiny_generator(config), tmp_path / "ours.safetensors"))
    assert loaded.config == config
    assert_same(loaded, tiny_generator(config))


def test_a_pickle_and_its_conversion_have_one_fingerprint(tmp_path: Path) -> None:
    network = nvidia_generator(tiny_generator(replace(TINY, conv_clamp=256)))
    pickled = load_generator(save_pickle({"G_ema": network}, tmp_path / "network.pkl"))
    assert fingerprint(load_generator(save_generator(pickled, tmp_path / "ours.safetensors"))) == fingerprint(pickled)


def test_the_filters_of_a_bare_state_dict_are_looked_at(tmp_path: Path) -> None:
    name = "synthesis.b8.resample_filter"
    torch.save({**tiny_generator().state_dict(), name: torch.outer(fir_taps(), fir_taps())}, tmp_path / "usual.pt")
    assert_same(load_generator(tmp_path / "usual.pt"), tiny_generator())
    torch.save({**tiny_generator().state_dict(), name: torch.full((4, 4), 1 / 16)}, tmp_path / "box.pt")
    with pytest.raises(WeightError, match="box.pt: synthesis.b8.resample_filter is not the filter"):
        load_generator(tmp_path / "box.pt")


def box_filter(network: Persistent) -> None:
    network.at("synthesis.b8")["_buffers"]["resample_filter"] = torch.full((4, 4), 1 / 16)


def alias_free(network: Persistent) -> None:
    network.put("synthesis.input", Persistent("SynthesisInput", w_dim=8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (alias_free, "its synthesis.b4 is of the class SynthesisBlock; pass an unchanged StyleGAN3"),
        (rename("", "SuperresGenerator"), "it is a StyleGAN-XL, another architecture; pass a StyleGAN2 or a StyleGAN3"),
        (
            rename("synthesis.b8.conv0", "Attention"),
            "its synthesis.b8.conv0 is of the class Attention; pass an unchanged",
        ),
        (set_at("synthesis.b8", architecture="resnet"), "its synthesis.b8.architecture is resnet, where ours has skip"),
        (set_at("synthesis.b16", architecture="orig"), "its synthesis.b16.architecture is orig, where ours has skip"),
        (set_at("", img_channels=1), "its img_channels is 1, where ours has 3; pass another StyleGAN2"),
        (set_at("mapping", num_ws=18), "its mapping.num_ws is 18, where ours has 6; pass another"),
        (set_at("synthesis.b8.conv0", activation="swish"), "conv0.activation is swish, where ours has lrelu; pass"),
        (set_at("mapping.fc1", activation="relu"), "its mapping.fc1.activation is relu, where ours has lrelu; pass"),
        (set_at("mapping.fc1", bias_gain=1), "its mapping.fc1.weight_gain is .*, where ours has 0.3"),
        (
            set_at("synthesis.b8.conv1", act_gain=1.0),
            "its synthesis.b8.conv1.act_gain is 1.0, where ours has 1.41.*; pass",
        ),
        (
            set_at("synthesis.b8.conv1", conv_clamp=9),
            "its synthesis.b8.conv1.conv_clamp is 9, where ours has None; pass",
        ),
        (
            set_at("synthesis.b8.conv1.affine", bias_gain=2, weight_gain=2 / math.sqrt(8)),
            "affine.bias_gain is 2, where",
        ),
        (set_at("synthesis.b8.conv1", padding=0), "its synthesis.b8.conv1.padding is 0, where ours has 1; pass"),
        (set_at("synthesis.b8.torgb", weight_gain=1.0), "its synthesis.b8.torgb.weight_gain is 1.0, where ours has"),
        (box_filter, r"synthesis.b8.resample_filter is not the filter \[1, 3, 3, 1\], the only one supported; pass"),
    ],
)
def test_unlike_generators_are_refused(tmp_path: Path, change: Callable[[Persistent], None], message: str) -> None:
    network = nvidia_generator(tiny_generator())
    change(network)
    path = save_pickle({"G_ema": network}, tmp_path / "network.pkl")
    with pytest.raises(WeightError, match=f"network.pkl: .*{message}") as caught:
        load_generator(path)
    assert "\n" not in str(caught.value)


def test_thousands_of_modules_are_refused(tmp_path: Path) -> None:
    network = nested = Persistent("Generator")
    for _ in range(40):  # every level holds the next one twice: 2^40 modules in a file of a few kilobytes
        child = Persistent("SynthesisBlock")
        nested.state["_modules"].update(a=child, b=child)
        nested = child
    path = save_pickle({"G_ema": network}, tmp_path / "endless.pkl")
    with pytest.raises(WeightError, match="a network in it has more than 1000 modules; do not trust it"):
        load_generator(path)


MEASURE = """
import sys
from pathlib import Path
from styleclip.weights.load import load_generator

def memory(kind):  # in bytes; the rusage of a child would begin with what its parent had used
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(kind))

load_generator(sys.argv[1])  # a tiny one, since torch imports more when it loads its first
before = memory("VmRSS")
generator = load_generator(sys.argv[2])
print(memory("VmHWM") - before, generator.resolution)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize("write", [write_nvidia_pickle, write_tf_pickle], ids=["nvidia", "tensorflow"])
def test_a_full_size_file_loads_in_little_memory(tmp_path: Path, python: list[str], write: Callable[..., Path]) -> None:
    generator, critic = on_meta(lambda: Generator(FULL)), on_meta(lambda: Discriminator(FULL.channels))
    for network in (generator, critic):
        load_strict(network, {name: torch.zeros(tensor.shape) for name, tensor in network.state_dict().items()})
    path = write(tmp_path / "ffhq.pkl", generator, critic)
    assert path.stat().st_size > 4 * (30_370_060 + 29_012_513)
    told = run_python("-c", MEASURE, str(GOLDEN[0]), str(path), python=python)
    assert told.returncode == 0, told.stderr
    memory, resolution = map(float, told.stdout.split())
    assert resolution == 1024 and memory < 2.2 * path.stat().st_size
