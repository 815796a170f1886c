"""An edited crop goes back into its photo, through a soft mask and with its colours matched at the seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from styleclip.alignment.framing import FFHQ, Landmarks
from styleclip.errors import NumericError

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Matrix = Array  # [3, 3], takes columns (x, y, 1); pixel centres lie at .5
Size = tuple[int, int]  # width, height
Box = tuple[int, int, int, int]  # left, top, right, bottom, px of the photo

GRID_SIZE = 256  # mask and colours are found on a grid over the crop, and too smooth to need more
BAND_ROWS = 1024  # rows of the photo blended at a time: no floats as large as a photo
EDGE_PX = 1.5  # px: a crop that ends this near to the photo's border ends with the photo
PAD_PX = 2  # px by which pictures and grids, no finer than the photo, go on beyond their border: EDGE and a bit

# Lengths in sides of the crop. An FFHQ crop has hair and chin about 0.4 from its centre, cheeks and hair 0.35.
HALF_WIDTH, HALF_HEIGHT, ROUNDNESS = 0.34, 0.40, 2.5
MARGIN = 0.035  # left alone along the crop's border: a generator is at its worst there
MAX_FALLOFF = 0.12  # longest way from 1 to 0; on a longer one photo and picture are seen through each other
MIN_FALLOFF = 0.07  # shortest way from 1 to 0, where an edit goes on to the border
MASK_BLUR = 0.008  # takes the creases out of the distances; two of it, and half a cell, fit into MARGIN
HANDOVER = 0.1  # how soon one face takes over from another, in difference of the distances to their centres

MIN_CHANGE, CHANGE_BLUR = 16.0, 0.01  # grey levels between before and after, blurred, that are an edit and no trembling
MAX_TINT = 60.0  # grey levels; larger differences at the seam are an edit or another object, and are not matched
TINT_SIGMA = 0.05  # reach over which colours are compared: wider than texture, narrower than the turns of light
TINT_REACH = 0.2  # the match dies out this far inside the seam, so the middle keeps the colours of the edit


@dataclass(frozen=True)
class Piece:
    """A square picture (RGB, any size) and the place in the photo that it replaces."""

    picture: Image.Image
    quad: Array  # [4, 2] px of the photo: TL, BL, BR, TR; whole numbers are pixel centres, as in FFHQ
    landmarks: Array | None = None  # [4, 2] places in the crop, from `Landmarks.within(quad)`
    before: Image.Image | None = None  # the picture without the edit: what the edit changed is pasted wherever it lies


@dataclass(frozen=True)
class _Layer:
    pixels: Pixels  # [S, S, 3] of the picture, no finer than the photo
    weight: Array  # [G, G] in [0, 1]
    shift: Array  # [G, G, 3] grey levels to add to the picture
    to_crop: Matrix  # px of the photo -> unit square


def paste(photo: Image.Image, pieces: Sequence[Piece]) -> Image.Image:
    """The photo (RGB) with the pieces in it, one after the other; pixels outside their masks keep their bytes.

    Where a crop ends with the photo, or beyond it, there is no seam to hide and the mask goes on to the photo's edge.
    Where masks overlap, the face that is nearer in sides of its crop is seen. NumericError: a quad has NaN or no area.
    """
    pasted = photo.convert("RGB")
    layers: list[_Layer] = []
    for piece in pieces:
        quad = np.asarray(piece.quad, np.float64) + 0.5  # whole numbers are centres, as in FFHQ
        to_photo = _square_to_quad(quad)
        ends = np.concatenate([quad.min(axis=0) - EDGE_PX, quad.max(axis=0) + EDGE_PX + 1])
        left, top, right, bottom = ends.clip(0, photo.size * 2).astype(int).tolist()
        if (quad.max(axis=0) > 0).all() and (quad.min(axis=0) < photo.size).all():
            layers.append(_layer(photo, piece, to_photo, (left, top, right, bottom), layers))
            for row in range(top, bottom, BAND_ROWS):
                _blend(pasted, layers[-1], (left, row, right, min(row + BAND_ROWS, bottom)))
    return pasted


def face_mask(size: int, landmarks: Array | None = None) -> Array:
    """[size, size]: 1 over face and hair, 0 at the border. `landmarks`: see `Piece`; without, as FFHQ frames a face."""
    return _mask_weight(_face(size, landmarks), np.zeros((size, size), bool))


def _layer(photo: Image.Image, piece: Piece, to_photo: Matrix, box: Box, earlier: Sequence[_Layer]) -> _Layer:
    side = abs(np.linalg.det(to_photo)) ** 0.5
    picture, size = piece.picture.convert("RGB"), int(np.clip(round(side), 8, GRID_SIZE))
    there = (_cell_centres(size) @ to_photo.T)[..., :2]
    depth = np.minimum(there, photo.size - there).min(axis=2)  # px to the photo's border
    after, before = (_resize(p, size).astype(np.float32) for p in (picture, piece.before or picture))
    change = _blur(np.abs(after - before).max(axis=2), CHANGE_BLUR * size)
    weight = _mask_weight(_face(size, piece.landmarks) | (change > MIN_CHANGE), depth < EDGE_PX + side / size / 2)
    weight *= (depth > 0).any()
    known = (depth > 0) * (1 - _smoothstep(change / MIN_CHANGE))
    shift = _color_shift(_photo_in_crop(photo, box, to_photo @ _scale_matrix(1 / size), size) - after, weight, known)
    pixels = _resize(picture, min(picture.width, max(round(side), 1)))
    return _Layer(pixels, _yield_to_earlier(weight, to_photo, earlier), shift, np.linalg.inv(to_photo))


def _blend(pasted: Image.Image, layer: _Layer, box: Box) -> None:
    """One band: photo + weight (picture + shift - photo)."""
    to_crop, size = layer.to_crop @ _scale_matrix(1, box[0], box[1]), (box[2] - box[0], box[3] - box[1])
    weight, *shift = (_warp_to_photo(grid, to_crop, size) for grid in (layer.weight, *np.moveaxis(layer.shift, 2, 0)))
    picture = _warp_to_photo(layer.pixels, to_crop, size, Resampling.BICUBIC)
    below = np.asarray(pasted.crop(box), np.float32)
    mixed = below + weight[..., None] * (picture + np.stack(shift, axis=2) - below)
    pasted.paste(Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8)), box[:2])


def _face(size: int, landmarks: Array | None) -> Mask:
    """[G, G]: the superellipse of face and hair, in the square that FFHQ would frame around these landmarks."""
    places = _cell_centres(size)
    if landmarks is not None:
        places = places @ np.linalg.inv(_square_to_quad(FFHQ.quad(Landmarks(*landmarks)))).T
    across, down = np.moveaxis(np.abs(places[..., :2] - 0.5) / (HALF_WIDTH, HALF_HEIGHT), 2, 0)
    return across**ROUNDNESS + down**ROUNDNESS <= 1


def _mask_weight(core: Mask, open_end: Mask) -> Array:
    """[G, G]: 1 in the core, 0 on the crop's border, falling between them over at most `MAX_FALLOFF`."""
    rim = np.pad(np.zeros((len(core) - 2,) * 2, bool), 1, constant_values=True)
    to_core, to_end = _distance_to(core), _distance_to(open_end)
    to_seam = (_distance_to(rim & ~open_end) - MARGIN).clip(0)
    whole = to_core + to_seam + 1e-9
    openness = _smoothstep(2 * to_seam / (to_seam + to_end + 1e-9) - 1)  # the weight goes on to an end that is nearer
    fall = 1 - _smoothstep(to_core / (openness * whole + (1 - openness) * np.minimum(whole, MAX_FALLOFF)))
    fall = np.minimum(fall, _smoothstep(to_seam / MIN_FALLOFF))
    return _blur(fall, MASK_BLUR * len(core), mode="nearest", truncate=2).astype(np.float32)


def _color_shift(difference: Array, weight: Array, known: Array) -> Array:
    """[G, G, 3] grey levels that bring the picture to the photo where the mask falls, by normalised convolution."""
    band, sigma = 4 * weight * (1 - weight) * known, TINT_SIGMA * len(weight)
    # A difference d counts as d exp(-(d / TINT)^4): 20 whole, nothing more than 33, and what is no tint not at all.
    trusted = band * np.exp(-((np.abs(difference).max(axis=2) / MAX_TINT) ** 4))
    mean = _blur(difference * trusted[..., None], (sigma, sigma, 0))
    mean /= _blur(band, sigma)[..., None] + 1e-4
    inside = _smoothstep(_distance_to(weight < 0.98) / TINT_REACH)
    return (mean * (1 - inside[..., None])).astype(np.float32)


def _yield_to_earlier(weight: Array, to_photo: Matrix, earlier: Sequence[_Layer]) -> Array:
    """The weight without the places that an earlier face has taken and is nearer to."""
    size, here = len(weight), _cell_centres(len(weight))
    for other in earlier:
        to_other = other.to_crop @ to_photo
        taken = _warp_to_photo(other.weight, to_other @ _scale_matrix(1 / size), (size, size))
        ways = [np.hypot(places[..., 0] - 0.5, places[..., 1] - 0.5) for places in (here @ to_other.T, here)]
        weight = weight * (1 - taken * (1 - _smoothstep(0.5 + (ways[0] - ways[1]) / HANDOVER)))
    return weight.astype(np.float32)


def _photo_in_crop(photo: Image.Image, box: Box, to_photo: Matrix, size: int) -> Array:
    """[G, G, 3]: the photo as the cells see it, in means of whole pixels where it is much finer; 0 outside."""
    factor = max(int(abs(np.linalg.det(to_photo)) ** 0.5), 1)
    matrix = _scale_matrix(1 / factor, -box[0] / factor, -box[1] / factor) @ to_photo
    return _affine(photo.reduce(factor, box), matrix, (size, size))


def _warp_to_photo(square: Array | Pixels, to_crop: Matrix, size: Size, how: Resampling = Resampling.BILINEAR) -> Array:
    """A grid or picture over the crop, seen by px of which `to_crop` tells the places; `PAD` px more at its border."""
    pad_outside = np.pad(square, ((PAD_PX, PAD_PX), (PAD_PX, PAD_PX), (0, 0))[: square.ndim], mode="edge")
    return _affine(Image.fromarray(pad_outside), _scale_matrix(len(square), PAD_PX, PAD_PX) @ to_crop, size, how)


def _affine(picture: Image.Image, matrix: Matrix, size: Size, how: Resampling = Resampling.BILINEAR) -> Array:
    return np.asarray(picture.transform(size, Image.Transform.AFFINE, matrix[:2].ravel().tolist(), how), np.float32)


def _square_to_quad(quad: Array) -> Matrix:
    """Unit square -> quad. Raises NumericError where it has no area."""
    quad = quad if np.isfinite(quad).all() else np.zeros((4, 2))
    x, y = np.array([[-1, -1, 1, 1], [-1, 1, 1, -1]]) @ quad / 2
    square = np.vstack([np.stack([x, y, quad.mean(axis=0) - (x + y) / 2], axis=1), [0, 0, 1]])
    if not abs(np.linalg.det(square)) > 1e-6:
        raise NumericError("the corners of a face hold NaN or lie on a line; align the photo again")
    return square


def _resize(picture: Image.Image, size: int) -> Pixels:
    return np.asarray(picture.convert("RGB").resize((size, size), Resampling.LANCZOS))


def _cell_centres(size: int) -> Array:
    """[G, G, 3]: the centres (x, y, 1) of the cells of a grid over the unit square."""
    x, y = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2)
    return np.stack([x, y, np.ones_like(x)], axis=2)


def _blur(values: Array, sigma: float | tuple[float, ...], **how: Any) -> Array:
    from scipy.ndimage import gaussian_filter  # a fifth of a second, and few commands paste

    return gaussian_filter(values, sigma, **how)


def _distance_to(to: Mask) -> Array:
    """[G, G]: distance to the nearest such cell, in sides of the crop; far where there is none."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(~to) / len(to) if to.any() else np.full(to.shape, 9.0)


def _scale_matrix(factor: float, x: float = 0, y: float = 0) -> Matrix:
    return np.array([[factor, 0, x], [0, factor, y], [0, 0, 1]], np.float64)


def _smoothstep(x: Array) -> Array:
    return x.clip(0, 1) ** 2 * (3 - 2 * x.clip(0, 1))
