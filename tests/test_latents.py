"""Latents know their space; the layout alone knows the cuts of style space."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from styleclip.errors import SpaceError
from styleclip.latents import Direction, Latent, Space, StyleLayout


def config(resolution: int, channel_base: int) -> dict[int, int]:
    """The published channel schedule."""
    sides = [2**k for k in range(2, resolution.bit_length())]
    return {side: min(channel_base // side, 512) for side in sides}


@pytest.mark.parametrize(
    ("resolution", "channel_base", "entries", "total", "without_torgb"),
    [
        (1024, 32768, 26, 9088, 6048),
        (1024, 16384, 26, 7616, 5072),
        (512, 32768, 23, 8960, 5952),
        (256, 32768, 20, 8704, 5760),
        (256, 16384, 20, 7424, 4928),
    ],
)
def test_published_sizes_of_style_space(
    resolution: int, channel_base: int, entries: int, total: int, without_torgb: int
) -> None:
    layout = StyleLayout.from_channels(config(resolution, channel_base))
    assert (len(layout.entries), layout.size) == (entries, total)
    assert int((~layout.torgb_mask()).sum()) == without_torgb
    assert layout.num_ws == 2 * (resolution.bit_length() - 1) - 2


def test_order_widths_and_w_indices_at_1024() -> None:
    layout = StyleLayout.from_channels(config(1024, 32768))
    assert [entry.name for entry in layout.entries[:6]] == [
        "b4.conv1", "b4.torgb", "b8.conv0", "b8.conv1", "b8.torgb", "b16.conv0",
    ]  # fmt: skip
    assert [i for i, entry in enumerate(layout.entries) if entry.is_torgb] == list(range(1, 26, 3))
    assert [entry.channels for entry in layout.entries[14:]] == [512, 256, 256, 256, 128, 128, 128, 64, 64, 64, 32, 32]
    assert [entry.ws_index for entry in layout.entries[:6]] == [0, 1, 1, 2, 3, 3]
    assert layout.entries[-1].ws_index == 17


def test_split_cuts_the_vector_without_gap_or_overlap() -> None:
    layout = StyleLayout.from_channels({4: 3, 8: 2})
    styles = torch.arange(2.0 * layout.size).reshape(2, -1)
    parts = layout.split(styles)
    assert list(parts) == ["b4.conv1", "b4.torgb", "b8.conv0", "b8.conv1", "b8.torgb"]
    assert [part.shape[1] for part in parts.values()] == [3, 3, 3, 2, 2]
    assert torch.equal(torch.cat(list(parts.values()), dim=1), styles)
    with pytest.raises(SpaceError, match="13 style channels, got 5"):
        layout.split(torch.zeros(1, 5))


@pytest.mark.parametrize(("space", "shape"), [(Space.Z, (2, 3, 4)), (Space.W_PLUS, (2, 4)), (Space.S, (4,))])
def test_a_latent_has_the_shape_of_its_space(space: Space, shape: tuple[int, ...]) -> None:
    with pytest.raises(SpaceError, match=f"a value in {space.value.replace('+', '[+]')} has {space.ndim} axes"):
        Latent(space, torch.zeros(shape))


def test_arithmetic() -> None:
    latent = Latent(Space.W, torch.ones(2, 3))
    smile = Direction(Space.W, torch.tensor([[0.0, 1.0, 2.0]]))
    edited = latent + 3.0 * smile
    assert edited.space is Space.W
    assert edited.data.tolist() == [[1, 4, 7], [1, 4, 7]]
    assert (smile * 3.0).data.tolist() == (3.0 * smile).data.tolist()
    assert (edited - latent).data.tolist() == [[0, 3, 6], [0, 3, 6]]
    assert isinstance(edited - latent, Direction)
    assert isinstance(edited - 3.0 * smile, Latent) and torch.equal((edited - 3.0 * smile).data, latent.data)
    assert latent.data.tolist() == [[1, 1, 1], [1, 1, 1]]  # nothing happens in place


def test_spaces_do_not_mix() -> None:
    latent, smile = Latent(Space.W, torch.zeros(1, 3)), Direction(Space.S, torch.zeros(1, 3))
    with pytest.raises(SpaceError, match="expected a value in s, got one in w|expected a value in w, got one in s"):
        latent + smile
    with pytest.raises(SpaceError):
        Latent.cat([latent, Latent(Space.S, torch.zeros(1, 3))])


def test_indexing_keeps_the_batch_axis() -> None:
    latent = Latent(Space.W, torch.arange(12.0).reshape(4, 3))
    assert latent[1].data.tolist() == [[3, 4, 5]]
    assert latent[-1].data.tolist() == [[9, 10, 11]]
    assert latent[1:3].data.tolist() == [[3, 4, 5], [6, 7, 8]]
    assert latent[torch.tensor([3, 0])].data.tolist() == [[9, 10, 11], [0, 1, 2]]
    assert len(latent) == 4 and [len(one) for one in latent] == [1, 1, 1, 1]
    assert torch.equal(Latent.cat([latent[:1], latent[1:]]).data, latent.data)


def test_detach_cuts_the_graph() -> None:
    data = torch.zeros(1, 3, requires_grad=True)
    assert (Latent(Space.W, data)[0]).data.requires_grad
    assert not Latent(Space.W, data).detach().data.requires_grad


def test_load_reads_one_latent_and_refuses_the_rest(tmp_path: Path) -> None:
    save_file({"w+": torch.ones(1, 4, 3)}, tmp_path / "good.safetensors")
    latent = Latent.load(tmp_path / "good.safetensors")
    assert (latent.space, latent.data.shape) == (Space.W_PLUS, (1, 4, 3))
    save_file({"w": torch.ones(1, 3), "z": torch.ones(1, 3)}, tmp_path / "two.safetensors")
    with pytest.raises(SpaceError, match="not one latent"):
        Latent.load(tmp_path / "two.safetensors")
    (tmp_path / "junk").write_bytes(b"junk")
    with pytest.raises(SpaceError, match="is not a latent file"):
        Latent.load(tmp_path / "junk")


@pytest.mark.parametrize("path", ["/dev/zero", "/nowhere/latent.safetensors", "/"])
def test_a_latent_is_read_from_files_alone(path: str) -> None:
    with pytest.raises(SpaceError, match=f"{path} is not a latent file .there is no such file.; pass one that"):
        Latent.load(path)
