"""Growing a generator by a block of 128 px: it begins as the small one, and a few steps lower the loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from scripts.train_demo import grow
from scripts.train_demo.common import WORK, Renders
from scripts.train_demo.generator import WhitenedStyles
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, faces
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.weights.load import fingerprint
from tests.helpers.tiny import tiny_generator

SMALL = StyleGAN2Config(Z_DIM, 96, (96,), {4: 4, 8: 4, 16: 4, 32: 4, 64: 4})
COUNT = 12  # renders


@pytest.fixture(scope="module")
def small() -> Generator:
    return tiny_generator(SMALL)


@pytest.fixture
def grown(small: Generator) -> Generator:
    torch.manual_seed(0)
    return grow.grown_generator(small, width=3)


@pytest.fixture(scope="module")
def renders(tmp_path_factory: pytest.TempPathFactory) -> Renders:
    z = torch.randn(COUNT, Z_DIM, generator=torch.Generator().manual_seed(1))
    images = (render(faces(z), grow.RESOLUTION, supersample=1) * 127.5 + 127.5).to(torch.uint8)
    path = tmp_path_factory.mktemp("renders") / "renders.safetensors"
    save_file({"images": images, "z": z}, path)
    return Renders(path)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for training states."""
    (tmp_path / WORK).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)


def test_it_draws_the_upsampled_picture_at_first(small: Generator, grown: Generator, renders: Renders) -> None:
    latent = Latent(Space.Z, renders.z[:2])
    with torch.no_grad():
        *_, before, after = grown.pyramid(latent, noise="none")
        assert torch.equal(before, small(latent, noise="none")) and after.shape == (2, 3, 128, 128)
        block = grown.synthesis.get_submodule("b128")
        for parameter in block.conv0.parameters():
            parameter.zero_()
        assert torch.equal(grown(latent, noise="none"), after)  # whatever the block does
    assert grown.grown_from == (fingerprint(small), small.num_ws) and grown.num_ws == small.num_ws + 2


def test_styles_are_carried_exactly(small: Generator, grown: Generator, renders: Renders) -> None:
    styles, latent = grow.carried_styles(grown), Latent(Space.Z, renders.z)
    known, size = small.to_space(latent, Space.S).data, small.layout.size
    w = small.map(renders.z)
    torch.testing.assert_close(styles(w).data[:, :size], known, rtol=1e-4, atol=1e-4)
    styles.fold_into(grown)
    torch.testing.assert_close(grown.to_space(latent, Space.S).data[:, :size], known, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("work")
def test_the_block_learns_crops(grown: Generator, renders: Renders, capsys: pytest.CaptureFixture[str]) -> None:
    styles = grow.carried_styles(grown)
    before = {name: tensor.clone() for name, tensor in grown.state_dict().items()}
    loss = crop_loss(grown, styles, renders)
    grow.train_block(grown, styles, renders, steps=12, name="block", batch=4)
    assert crop_loss(grown, styles, renders) < loss
    changed = {name for name, tensor in grown.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and all(".b128." in name for name in changed)
    assert "block 11/12" in capsys.readouterr().out


def test_crops_lack_features_at_borders_inside_the_picture() -> None:
    mask = grow.inner_mask([[0, 64], [10, 20]])
    corner, inside = torch.zeros(2, 64, 64)
    corner[:60, 4:] = 1
    inside[4:60, 4:60] = 1
    assert torch.equal(mask, torch.stack([corner, inside])[:, None])


@pytest.mark.usefixtures("work")
def test_all_blocks_learn_pictures(grown: Generator, renders: Renders) -> None:
    styles = grow.carried_styles(grown)
    loss = crop_loss(grown, styles, renders)
    grow.train_whole(grown, styles, renders, steps=6, name="whole", batch=4)
    assert crop_loss(grown, styles, renders) < loss


def crop_loss(generator: Generator, styles: WhitenedStyles, renders: Renders) -> float:
    """The loss of the block on whole pictures."""
    with torch.no_grad():
        made = generator(styles(generator.map(renders.z)), noise="none")
        return grow.crop_loss(made, renders.images.float() / 127.5 - 1, torch.ones(len(made), 1, 128, 128)).item()


def test_edge_energy_tells_blur_from_a_shift(renders: Renders) -> None:
    pictures = renders.images.float() / 127.5 - 1
    blurred = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    losses = [grow.edge_loss(made, pictures) for made in (pictures, pictures.roll(1, dims=3), blurred)]
    assert losses[0] == 0 and losses[1] < 0.5 * losses[2]


@pytest.mark.usefixtures("work")
def test_edges_are_trained(grown: Generator, renders: Renders) -> None:
    styles = grow.carried_styles(grown)
    target = renders.images.float() / 127.5 - 1
    with torch.no_grad():
        before = grow.edge_loss(grown(styles(grown.map(renders.z)), noise="none"), target)
    grow.train_whole(grown, styles, renders, steps=6, name="edges", batch=4, edges=True)
    with torch.no_grad():
        assert grow.edge_loss(grown(styles(grown.map(renders.z)), noise="none"), target) < before
