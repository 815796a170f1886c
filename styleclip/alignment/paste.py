"""Paste edited crops back into their photo, through a soft mask and with the colours matched at its edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from styleclip.alignment.crop_grid import (
    Array,
    Matrix,
    blur,
    cell_centres,
    distance_to,
    scale_matrix,
    smoothstep,
    square_to_quad,
)
from styleclip.alignment.face_mask import face_mask

Pixels = NDArray[np.uint8]
Size = tuple[int, int]  # width, height
Box = tuple[int, int, int, int]  # left, top, right, bottom, px of the photo

GRID_SIZE = 256  # of the grid for mask and colours, which are too smooth to need more
BAND_ROWS = 1024  # rows of the photo that are blended at a time, which bounds the memory
EDGE_PX = 1.5  # a crop that ends this near to the photo's border ends with the photo
PAD_PX = 2  # by which pictures and grids, no finer than the photo, are continued beyond their border: EDGE_PX and a bit

MIN_CHANGE = 16.0  # grey levels between before and after, blurred; smaller ones are noise of the generator
CHANGE_BLUR = 0.01  # sides of the crop
HANDOVER = 0.1  # between two faces, in difference of the distances to their centres in sides of the crop
MAX_TINT = 60.0  # grey levels; larger differences at the seam are an edit or another object, and are not matched
TINT_SIGMA = 0.05  # sides of the crop over which colours are compared: wider than texture, narrower than shading
TINT_REACH = 0.2  # sides inside the seam at which the match ends, so that the middle keeps the colours of the edit


@dataclass(frozen=True)
class Piece:
    """A picture and the quad of the photo that it replaces, of the same shape; the masks of faces suit squares.

    Args:
        picture: RGB, of any size.
        quad: [4, 2] px of the photo (TL, BL, BR, TR); whole numbers are pixel centres, as in FFHQ.
        landmarks: [4, 2] places in the crop, from `Landmarks.in_crop(quad)`; None for a face as FFHQ frames it.
        before: the picture without the edit; the mask is extended to all that differs from it.
        region: [H, W] in 0..1 over the picture, of any size; the mask is multiplied by it. Below the cells of it that
            are 0 the photo keeps its pixels.
    """

    picture: Image.Image
    quad: Array
    landmarks: Array | None = None
    before: Image.Image | None = None
    region: Array | None = None


@dataclass(frozen=True)
class _Layer:
    """A piece, ready to be blended."""

    pixels: Pixels  # [H, W, 3] of the picture, no finer than the photo
    weight: Array  # [G, G] in [0, 1]
    shift: Array  # [G, G, 3] grey levels to add to the picture
    to_crop: Matrix  # px of the photo -> unit square
    allowed: Pixels | None  # [H, W], 0 where the photo keeps its pixels, 255 elsewhere; None for 255 everywhere


def paste(photo: Image.Image, pieces: Sequence[Piece]) -> Image.Image:
    """The photo (RGB) with the pieces in it, one after the other; pixels outside their masks keep their bytes.

    A crop that ends with the photo, or beyond it, has no seam there, and its mask reaches the photo's border. Where
    masks overlap, the face with the nearer centre is seen, in sides of its crop. Raises NumericError for a quad with
    NaN or without area.
    """
    pasted = photo.convert("RGB")
    layers: list[_Layer] = []
    for piece in pieces:
        quad = np.asarray(piece.quad, np.float64) + 0.5  # pixel centres from whole numbers to .5
        to_photo = square_to_quad(quad)
        ends = np.concatenate([quad.min(axis=0) - EDGE_PX, quad.max(axis=0) + EDGE_PX + 1])
        left, top, right, bottom = ends.clip(0, photo.size * 2).astype(int).tolist()
        if (quad.max(axis=0) > 0).all() and (quad.min(axis=0) < photo.size).all():
            layers.append(_layer(photo, piece, to_photo, (left, top, right, bottom), layers))
            for row in range(top, bottom, BAND_ROWS):
                _blend(pasted, layers[-1], (left, row, right, min(row + BAND_ROWS, bottom)))
    return pasted


def _layer(photo: Image.Image, piece: Piece, to_photo: Matrix, box: Box, earlier: Sequence[_Layer]) -> _Layer:
    side = abs(np.linalg.det(to_photo)) ** 0.5  # px of the photo
    picture, size = piece.picture.convert("RGB"), int(np.clip(round(side), 8, GRID_SIZE))
    in_photo = (cell_centres(size) @ to_photo.T)[..., :2]
    depth = np.minimum(in_photo, photo.size - in_photo).min(axis=2)  # [G, G] px to the photo's border
    after, before = (_resize(p, size).astype(np.float32) for p in (picture, piece.before or picture))
    change = blur(np.abs(after - before).max(axis=2), CHANGE_BLUR * size)
    weight = face_mask(size, piece.landmarks, change > MIN_CHANGE, depth < EDGE_PX + side / size / 2)
    weight *= (depth > 0).any()
    if piece.region is not None:
        weight *= _region_on_grid(piece.region, size)
    comparable = (depth > 0) * (1 - smoothstep(change / MIN_CHANGE))
    original = _photo_in_crop(photo, box, to_photo @ scale_matrix(1 / size), size)
    shift = _color_shift(original - after, weight, comparable)
    lengths = (side, side) if picture.width == picture.height else np.hypot(*to_photo[:2, :2])  # across, down
    inside = [min(own, max(round(length), 1)) for own, length in zip(picture.size, lengths, strict=True)]
    pixels = _resize(picture, *inside)
    allowed = None if piece.region is None else (255 * (piece.region > 0)).astype(np.uint8)
    return _Layer(pixels, _yield_to_earlier(weight, to_photo, earlier), shift, np.linalg.inv(to_photo), allowed)


def _blend(pasted: Image.Image, layer: _Layer, box: Box) -> None:
    """Blend one band in place: photo + weight (picture + shift - photo)."""
    to_crop, size = layer.to_crop @ scale_matrix(1, box[0], box[1]), (box[2] - box[0], box[3] - box[1])
    weight, *shift = (_warp_to_photo(grid, to_crop, size) for grid in (layer.weight, *np.moveaxis(layer.shift, 2, 0)))
    if layer.allowed is not None:
        weight = weight * (_warp_to_photo(layer.allowed, to_crop, size, Resampling.NEAREST) > 0)
    picture = _warp_to_photo(layer.pixels, to_crop, size, Resampling.BICUBIC)
    below = np.asarray(pasted.crop(box), np.float32)
    mixed = below + weight[..., None] * (picture + np.stack(shift, axis=2) - below)
    pasted.paste(Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8)), box[:2])


def _color_shift(difference: Array, weight: Array, comparable: Array) -> Array:
    """[G, G, 3] grey levels that bring the picture to the photo where the mask falls, by normalised convolution."""
    band, sigma = 4 * weight * (1 - weight) * comparable, TINT_SIGMA * len(weight)
    # A difference d counts as d exp(-(d / MAX_TINT)^4): nearly all of 20 levels, never more than 33, nothing of 120.
    trusted = band * np.exp(-((np.abs(difference).max(axis=2) / MAX_TINT) ** 4))
    mean = blur(difference * trusted[..., None], (sigma, sigma, 0))
    mean /= blur(band, sigma)[..., None] + 1e-4
    inside = smoothstep(distance_to(weight < 0.98) / TINT_REACH)
    return (mean * (1 - inside[..., None])).astype(np.float32)


def _yield_to_earlier(weight: Array, to_photo: Matrix, earlier: Sequence[_Layer]) -> Array:
    """The weight, reduced where an earlier face has been pasted whose centre is nearer."""
    size, here = len(weight), cell_centres(len(weight))
    for other in earlier:
        to_other = other.to_crop @ to_photo
        taken = _warp_to_photo(other.weight, to_other @ scale_matrix(1 / size), (size, size))
        to_centre = [np.hypot(places[..., 0] - 0.5, places[..., 1] - 0.5) for places in (here @ to_other.T, here)]
        weight = weight * (1 - taken * (1 - smoothstep(0.5 + (to_centre[0] - to_centre[1]) / HANDOVER)))
    return weight.astype(np.float32)


def _photo_in_crop(photo: Image.Image, box: Box, to_photo: Matrix, size: int) -> Array:
    """[G, G, 3]: the photo resampled to the cells, reduced by a whole factor first where it is finer; 0 outside."""
    factor = max(int(abs(np.linalg.det(to_photo)) ** 0.5), 1)
    matrix = scale_matrix(1 / factor, -box[0] / factor, -box[1] / factor) @ to_photo
    return _affine(photo.reduce(factor, box), matrix, (size, size))


def _warp_to_photo(grid: Array | Pixels, to_crop: Matrix, size: Size, how: Resampling = Resampling.BILINEAR) -> Array:
    """A grid or picture over the crop, resampled to `size` px whose places in the crop `to_crop` gives."""
    padded = np.pad(grid, ((PAD_PX, PAD_PX), (PAD_PX, PAD_PX), (0, 0))[: grid.ndim], mode="edge")
    height, width = grid.shape[:2]
    from_crop = np.array([[width, 0, PAD_PX], [0, height, PAD_PX], [0, 0, 1]], np.float64)
    return _affine(Image.fromarray(padded), from_crop @ to_crop, size, how)


def _region_on_grid(region: Array, size: int) -> Array:
    """[G, G]: the region resized to the cells."""
    resized = Image.fromarray(region.astype(np.float32)).resize((size, size), Resampling.BILINEAR)
    return np.asarray(resized).clip(0, 1)


def _affine(picture: Image.Image, matrix: Matrix, size: Size, how: Resampling = Resampling.BILINEAR) -> Array:
    return np.asarray(picture.transform(size, Image.Transform.AFFINE, matrix[:2].ravel().tolist(), how), np.float32)


def _resize(picture: Image.Image, width: int, height: int | None = None) -> Pixels:
    """[H, W, 3], square unless `height` is given."""
    return np.asarray(picture.convert("RGB").resize((width, height or width), Resampling.LANCZOS))
