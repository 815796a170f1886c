"""Pictures that are not square or not RGB: the forward pass by its definition, and what the other networks see."""

import pytest
import torch
import torch.nn.functional as F

from styleclip.errors import UsageError
from styleclip.images import from_uint8, to_pil, to_rgb, to_uint8
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.latents import Latent, Space
from styleclip.losses import loss_resolution_px
from styleclip.networks.batch_size import RENDER, max_batch
from styleclip.networks.e4e import resize_frame
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.stylespace.channel_effects import PrefixRenderer
from styleclip.weights.load import fingerprint
from styleclip.weights.locate import model_parts
from styleclip.weights.state_dict import on_meta
from tests.helpers.shapes import SHAPES, naive_image
from tests.helpers.tiny import TINY, tiny_clip, tiny_encoder, tiny_generator, tiny_models

every_shape = pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES.keys())


def latent(generator: Generator) -> Latent:
    z = torch.randn(2, TINY.z_dim, generator=torch.Generator().manual_seed(3)).to(generator.w_avg)
    return generator.to_space(Latent(Space.Z, z), Space.W)


@every_shape
def test_pictures_are_those_of_the_definition(config: StyleGAN2Config) -> None:
    generator = tiny_generator(config).double()
    images = generator(latent(generator))
    assert images.shape == (2, config.img_channels, *config.image_size)
    assert generator.image_size == (config.constant[0] * 4, config.constant[1] * 4)
    for image, w in zip(images, latent(generator).data, strict=True):
        expected = naive_image(generator.state_dict(), w, tuple(config.channels))[0]
        torch.testing.assert_close(image, expected, atol=1e-10, rtol=1e-10)


@every_shape
def test_frozen_generators_and_other_batches_draw_the_same(config: StyleGAN2Config) -> None:
    generator = tiny_generator(config)
    both = generator(latent(generator))
    frozen = tiny_generator(config).freeze()
    torch.testing.assert_close(frozen(latent(frozen)), both, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(generator(latent(generator)[:1]), both[:1], atol=1e-5, rtol=1e-5)
    noisy = [generator(latent(generator), "random", seeds=[1, 2]) for _ in range(2)]
    assert torch.equal(*noisy) and not torch.equal(noisy[0], both)


@every_shape
def test_the_skip_images_double(config: StyleGAN2Config) -> None:
    generator = tiny_generator(config)
    sizes = [tuple(image.shape[2:]) for image in generator.pyramid(latent(generator))]
    assert sizes == [config.block_size(block) for block in (4, 8, 16)]
    assert sizes[-1] == config.image_size and sizes[0] == config.constant


@every_shape
def test_shared_layers_give_the_same_pictures(config: StyleGAN2Config) -> None:
    """The renderer behind relevance tables, for a convolution and for the toRGB layers."""
    generator = tiny_generator(config).double()
    styles = generator.to_space(latent(generator), Space.S).data
    for name in ("b4.torgb", "b8.conv0", "b16.torgb"):
        entry = next(entry for entry in generator.layout.entries if entry.name == name)
        changed = styles[:1].clone()
        changed[:, entry.span] += 1
        renderer = PrefixRenderer(generator, entry, styles[:1])
        found = renderer.finish(changed, *renderer.prefix(0))
        torch.testing.assert_close(found, generator(Latent(Space.S, changed)), atol=1e-10, rtol=1e-10)


@every_shape
def test_every_network_sees_rgb(config: StyleGAN2Config) -> None:
    models = tiny_models(generator=tiny_generator(config))
    images = models.render(latent(models.generator))
    rgb = to_rgb(images)
    assert rgb.shape == (2, 3, *config.image_size)
    assert torch.equal(models.clip.encode_image(images), models.clip.encode_image(rgb))
    assert models.identity is not None
    assert torch.equal(models.identity.embed(images), models.identity.embed(rgb))
    height, width = (round(64 * side / max(config.image_size)) for side in config.image_size)
    assert resize_frame(images, 64).shape == (2, 3, height, width)
    assert tiny_encoder().encode(images).shape == (2, models.generator.num_ws, TINY.w_dim)
    assert torch.equal(models.clip_features(latent(models.generator)), models.clip.encode_image(rgb))


@every_shape
def test_pictures_are_inverted_in_their_shape(config: StyleGAN2Config) -> None:
    models = tiny_models(generator=tiny_generator(config))
    target = to_rgb(models.render(latent(models.generator))[:1]).clamp(-1, 1)
    found = Refine(steps=3)(models, target)
    tuned = PivotalTuning(steps=2)(models, target, found).apply(models)
    assert tuned.render(found).shape == (1, config.img_channels, *config.image_size)
    larger = F.interpolate(target, scale_factor=2.0)
    assert torch.isfinite(Refine(steps=1)(models, larger, found).data).all()
    with pytest.raises(UsageError, match="the target has shape"):
        Refine(steps=1)(models, target[..., 1:])


def test_grey_is_repeated_and_alpha_lies_over_white() -> None:
    grey, alpha = torch.tensor([-1.0, 0.5, 0.0, 2.0]), torch.tensor([1.0, -1.0, 0.0, -3.0])
    channels = {1: [grey], 2: [grey, alpha], 3: [grey] * 3, 4: [grey, grey, grey, alpha]}
    expected = {1: grey, 3: grey, 2: torch.tensor([-1.0, 1.0, 0.5, 1.0])}
    expected[4] = expected[2]
    for count, planes in channels.items():
        rgb = to_rgb(torch.stack(planes).reshape(1, count, 2, 2))
        torch.testing.assert_close(rgb, expected[count].reshape(1, 1, 2, 2).expand(1, 3, 2, 2))


def test_files_keep_the_channels() -> None:
    for count, mode in {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}.items():
        images = torch.rand(1, count, 3, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
        [kept], [flat] = to_pil(images, keep_channels=True), to_pil(images)
        assert (kept.mode, kept.size, flat.mode, flat.size) == (mode, (5, 3), "RGB", (5, 3))
        assert torch.equal(to_uint8(from_uint8(to_uint8(images))), to_uint8(images))


def test_sizes_are_told_by_the_longer_side() -> None:
    tall = tiny_generator(SHAPES["tall RGBA"])  # 32 x 16 px
    assert [loss_resolution_px(tall, tiny_clip(), wanted) for wanted in (8, 16, 32, "full", "auto")] == [
        4,
        8,
        16,
        16,
        16,
    ]
    square = tiny_generator()
    assert [loss_resolution_px(square, tiny_clip(), wanted) for wanted in (4, 16, 64, "full")] == [4, 16, 16, 16]
    assert max_batch(tall, RENDER) == RENDER.on_cpu((32, 16)) == RENDER.on_cpu((16, 32))


def test_shapes_are_part_of_the_fingerprint() -> None:
    """The 2 x 4 and 4 x 2 generators have the same numbers, but draw other pictures."""
    tall, wide = tiny_generator(SHAPES["tall"]), tiny_generator(SHAPES["wide"])
    turned = Generator(StyleGAN2Config(**{**vars(SHAPES["tall"]), "constant": (2, 4)}))
    for (_, mine), (_, theirs) in zip(turned.state_dict().items(), tall.state_dict().items(), strict=True):
        mine.detach().copy_(theirs.reshape(mine.shape))
    assert len({fingerprint(each) for each in (tall, wide, turned, tiny_generator())}) == 4


def test_stylegan_human() -> None:
    """Its sizes, as StyleGAN-Human's training/networks.py builds them, and the parts of the model of the catalog."""
    channels = {2**k: min(512, 2 ** (15 - k)) for k in range(2, 11)}
    config = StyleGAN2Config(512, 512, (512,) * 8, channels, constant=(4, 2))
    generator = on_meta(lambda: Generator(config))
    shapes = {name: tuple(tensor.shape) for name, tensor in generator.state_dict().items()}
    assert shapes["synthesis.b4.const"] == (512, 4, 2)
    assert shapes["synthesis.b1024.conv1.noise_const"] == (1024, 512)
    assert generator.image_size == (1024, 512)
    assert (generator.num_ws, generator.layout.size) == (18, 9088), "those of FFHQ, which the published table counts on"
    assert loss_resolution_px(generator, tiny_clip(), "auto") == 256
    parts = model_parts("human")
    assert (parts["relevance"], parts["identity"]) == ("fs3-human", "none")
    assert parts["defaults"] == {"align": {"faces": False}}
