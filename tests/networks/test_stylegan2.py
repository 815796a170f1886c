"""The generator's behaviour on tiny random networks; its numbers are the business of test_golden."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Latent, Space
from styleclip.networks.discriminator import Discriminator, minibatch_stddev
from styleclip.networks.generator import Generator
from tests.helpers.tiny import TINY, tiny_generator

ROUNDING = 1e-5  # a few hundred float32 operations on values of order 10


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator()


def z(count: int = 3, seed: int = 0) -> Latent:
    return Latent(Space.Z, torch.randn(count, TINY.z_dim, generator=torch.Generator().manual_seed(seed)))


def test_the_ladder(generator: Generator) -> None:
    shapes = [tuple(generator.to_space(z(), space).data.shape) for space in Space]
    assert shapes == [(3, 12), (3, 8), (3, generator.num_ws, 8), (3, generator.layout.size)]
    assert (generator.num_ws, generator.layout.size, generator.resolution) == (6, 6 + 6 + 6 + 5 + 5 + 5 + 4 + 4, 16)


def test_every_rung_gives_the_same_image(generator: Generator) -> None:
    image = generator(z())
    assert image.shape == (3, 3, 16, 16)
    for space in Space:
        assert torch.equal(generator(generator.to_space(z(), space)), image)


def test_the_ladder_has_no_way_up(generator: Generator) -> None:
    styles = generator.to_space(z(), Space.S)
    with pytest.raises(SpaceError, match="a latent in s cannot be taken back to w"):
        generator.to_space(styles, Space.W)


def test_w_plus_of_another_generator_is_refused(generator: Generator) -> None:
    with pytest.raises(SpaceError, match=r"w[+] has shape \[6, 8\], the latent's \[5, 8\]; pass one made for it"):
        generator(Latent(Space.W_PLUS, torch.zeros(1, 5, 8)))


def test_a_w_vector_steers_its_own_layers_only(generator: Generator) -> None:
    base = generator.to_space(z(1), Space.W_PLUS)
    moved = base.data.clone()
    moved[:, 3] += 1
    before, after = (generator.to_space(Latent(Space.W_PLUS, ws), Space.S).data for ws in (base.data, moved))
    parts = zip(generator.layout.split(before).items(), generator.layout.split(after).values(), strict=True)
    assert [name for (name, old), new in parts if not torch.equal(old, new)] == ["b8.torgb", "b16.conv0"]


def test_the_pyramid_ends_in_the_image(generator: Generator) -> None:
    pyramid = generator.pyramid(z())
    assert [image.shape[-1] for image in pyramid] == [4, 8, 16]
    assert torch.equal(pyramid[-1], generator(z()))


@pytest.mark.parametrize("cut", range(8))
def test_a_run_can_stop_before_any_layer_and_go_on(generator: Generator, cut: int) -> None:
    synthesis, entries = generator.synthesis, generator.layout.entries
    layers = generator.layout.split(generator.to_space(z(), Space.S).data), synthesis.noise_inputs(3, "const")
    state = synthesis.run(entries[:cut], synthesis.start(3), *layers)
    assert torch.equal(synthesis.run(entries[cut:], state, *layers).image, generator(z()))


def test_many_pictures_can_go_on_from_one_state(generator: Generator) -> None:
    synthesis, entries = generator.synthesis, generator.layout.entries
    styles = generator.to_space(z(1), Space.S).data.repeat(3, 1)
    behind = styles[:, entries[5].start :]
    behind += torch.randn(behind.shape, generator=torch.Generator().manual_seed(0))
    layers, noise = generator.layout.split(styles), synthesis.noise_inputs(1, "const")
    state = synthesis.run(entries[:5], synthesis.start(1), {name: part[:1] for name, part in layers.items()}, noise)
    together = synthesis.run(entries[5:], state, layers, noise).image
    assert (together - generator(Latent(Space.S, styles))).abs().max() <= ROUNDING


@pytest.mark.parametrize("clamp", [None, 0.5])
def test_a_torgb_layer_only_adds(clamp: float | None) -> None:
    generator = tiny_generator(dataclasses.replace(TINY, conv_clamp=clamp))
    synthesis, styles = generator.synthesis, generator.to_space(z(1), Space.S).data
    for k, entry in enumerate(generator.layout.entries):
        if entry.is_torgb:
            changed = styles.repeat(2, 1)
            changed[:, entry.span] += torch.randn(2, entry.channels, generator=torch.Generator().manual_seed(k))
            before, after = (generator.layout.split(each)[entry.name] for each in (styles, changed))
            head = generator.layout.entries[:k]
            noise = synthesis.noise_inputs(1, "const")
            x = synthesis.run(head, synthesis.start(1), generator.layout.split(styles), noise).x
            expected = generator(Latent(Space.S, changed)) - generator(Latent(Space.S, styles))
            assert (synthesis.rerender_torgb(entry, x, before, after) - expected).abs().max() <= ROUNDING


def test_a_frozen_generator_draws_the_same(generator: Generator) -> None:
    frozen = tiny_generator().freeze()
    assert (frozen(z()) - generator(z())).abs().max() <= ROUNDING
    leaf = generator.to_space(z(), Space.W_PLUS).data.clone().requires_grad_()
    frozen(Latent(Space.W_PLUS, leaf)).sum().backward()
    assert leaf.grad is not None and all(parameter.grad is None for parameter in frozen.parameters())


def test_another_weight_in_the_place_of_a_frozen_one_is_demodulated_by_its_own_table() -> None:
    """As pivotal tuning puts it there."""
    frozen, name = tiny_generator().freeze(), "synthesis.b8.conv1.weight"
    other = torch.randn(frozen.get_parameter(name).shape, generator=torch.Generator().manual_seed(1))
    expected = tiny_generator()
    expected.load_state_dict({**expected.state_dict(), name: other})
    found = torch.func.functional_call(frozen, {name: other}, (z(),))
    assert (found - expected(z())).abs().max() <= ROUNDING


@pytest.mark.parametrize(("ops", "space"), [("auto", Space.W_PLUS), ("reference", Space.S)])
def test_the_synthesis_compiles_without_a_break(ops: str, space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so does its gradient; what the backend makes of the graph is torch's business."""
    monkeypatch.setenv("STYLECLIP_OPS", ops)
    torch.compiler.reset()
    frozen = tiny_generator().freeze()
    compiled = torch.compile(lambda data: frozen(Latent(space, data)), fullgraph=True, backend="aot_eager")
    leaf = frozen.to_space(z(), space).data.clone().requires_grad_()
    image = compiled(leaf)
    expected = frozen(Latent(space, leaf))
    assert (image - expected).abs().max() <= ROUNDING
    gradients = [torch.autograd.grad(result.square().sum(), leaf)[0] for result in (image, expected)]
    assert (gradients[0] - gradients[1]).abs().max() <= ROUNDING * gradients[1].abs().max()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.bfloat16, 0.05)])
@pytest.mark.parametrize("noise", ["const", "random", "none"])
def test_any_precision_from_z_to_the_image(
    generator: Generator, dtype: torch.dtype, tolerance: float, noise: Any
) -> None:
    rounded, seeds = tiny_generator().to(dtype), [1, 2, 3]
    image, expected = rounded(z(), noise, seeds), generator(z(), noise, seeds)
    assert image.dtype == dtype
    assert ((image - expected).norm() / expected.norm()).item() <= tolerance


def test_const_noise_is_repeatable_and_none_differs(generator: Generator) -> None:
    assert torch.equal(generator(z()), generator(z()))
    assert not torch.allclose(generator(z()), generator(z(), noise="none"), atol=1e-3)


def test_seeds_make_random_noise_independent_of_the_batch(generator: Generator) -> None:
    together = generator(z(), noise="random", seeds=[5, 6, 7])
    alone = generator(z()[1], noise="random", seeds=[6])
    assert (together[1:2] - alone).abs().max() <= ROUNDING
    assert not torch.allclose(alone, generator(z()[1], noise="random", seeds=[8]), atol=1e-3)


def test_random_noise_follows_the_global_seed(generator: Generator) -> None:
    def image(seed: int) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return generator(z(), noise="random")

    assert torch.equal(image(0), image(0))
    assert not torch.allclose(image(0), image(1), atol=1e-3)


def test_as_many_seeds_as_images(generator: Generator) -> None:
    with pytest.raises(UsageError, match="3 images need 3 noise seeds, got 2"):
        generator(z(), noise="random", seeds=[1, 2])


def test_truncation(generator: Generator) -> None:
    w = generator.to_space(z(), Space.W)
    half = generator.truncate(z(), 0.5)
    assert half.space is Space.W
    assert torch.allclose(half.data, (generator.w_avg + w.data) / 2, atol=ROUNDING)
    assert torch.allclose(generator.truncate(w, 1.0).data, w.data, atol=ROUNDING)
    assert torch.allclose(generator.truncate(w, 0.0).data, generator.w_avg.expand(3, -1), atol=ROUNDING)


def test_truncation_stops_at_the_cutoff(generator: Generator) -> None:
    full = generator.to_space(z(), Space.W_PLUS).data
    cut = generator.truncate(z(), 0.5, cutoff=2)
    assert cut.space is Space.W_PLUS
    assert torch.equal(cut.data[:, 2:], full[:, 2:])
    assert torch.allclose(cut.data[:, :2], (generator.w_avg + full[:, :2]) / 2, atol=ROUNDING)


def test_styles_cannot_be_truncated(generator: Generator) -> None:
    with pytest.raises(SpaceError, match="truncate before taking it to s"):
        generator.truncate(generator.to_space(z(), Space.S), 0.5)


@pytest.mark.parametrize("space", list(Space))
def test_gradients_reach_the_latent_and_nothing_else(generator: Generator, space: Space) -> None:
    data = generator.to_space(z(), space).data.clone().requires_grad_()
    generator(Latent(space, data)).square().mean().backward()  # type: ignore[no-untyped-call]
    assert data.grad is not None and data.grad.isfinite().all()
    assert (data.grad.flatten(1).abs().amax(dim=1) > 0).all()
    assert all(parameter.grad is None for parameter in generator.parameters())


def test_the_clamp_bounds_the_rgb_of_every_block() -> None:
    config = dataclasses.replace(TINY, conv_clamp=0.01)
    free, clamped = tiny_generator(), tiny_generator(config)
    assert free.pyramid(z())[0].abs().max() > 0.01
    assert clamped.pyramid(z())[0].abs().max() <= 0.01


def test_discriminator_names_shapes_and_gradients() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator({4: 6, 8: 5, 16: 4})
    names = {name.rpartition(".")[0] for name in discriminator.state_dict()}
    assert names == {
        "b16.fromrgb", "b16.conv0", "b16.conv1", "b16.skip", "b8.conv0", "b8.conv1", "b8.skip",
        "b4.conv", "b4.fc", "b4.out",
    }  # fmt: skip
    image = torch.randn(4, 3, 16, 16, requires_grad=True)
    logits = discriminator(image)
    assert logits.shape == (4, 1)
    (gradient,) = torch.autograd.grad(logits.sum(), image, create_graph=True)
    gradient.square().sum().backward()  # type: ignore[no-untyped-call]  # the R1 penalty
    assert all(p.grad is not None for name, p in discriminator.named_parameters() if not name.endswith("out.bias"))


def test_minibatch_stddev_groups_every_second_sample() -> None:
    x = torch.zeros(4, 1, 4, 4)
    x[0], x[2] = 1.0, 3.0  # with groups of two: {0, 2} deviates by 1, {1, 3} by 0
    statistic = minibatch_stddev(x, group_size=2)[:, 1].amax(dim=(1, 2))
    assert torch.allclose(statistic, torch.tensor([1.0, 1e-4, 1.0, 1e-4]), atol=1e-6)
    with pytest.raises(UsageError, match="a batch of 6 does not divide into groups of 4"):
        minibatch_stddev(torch.zeros(6, 1, 4, 4), group_size=4)
