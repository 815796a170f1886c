"""The search for faces in copies and turns of a photo, and the choice among those found, with made-up faces."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from styleclip.alignment.face_choice import choose_faces
from styleclip.alignment.face_search import TURNS, Face, MultiScaleSearch, remove_duplicates, search_sizes
from styleclip.alignment.framing import Landmarks
from styleclip.errors import NoFaceError, UsageError
from tests.helpers.faces import made_up_face


def test_choices() -> None:
    faces = [made_up_face(500, 80), made_up_face(10, 40), made_up_face(200, 120)]
    assert choose_faces(faces, "all") == [faces[1], faces[2], faces[0]]
    assert choose_faces(faces) == [faces[2]]
    assert [choose_faces(faces, n) for n in (1, 2, 3)] == [[faces[1]], [faces[2]], [faces[0]]]
    with pytest.raises(NoFaceError, match="me.jpg has 3 faces and no number 4; use 1 to 3, which count from the left"):
        choose_faces(faces, 4, "me.jpg")
    with pytest.raises(NoFaceError, match="has 1 face and no number 2; use 1$"):
        choose_faces(faces[:1], 2)
    for senseless in (0, -1, True, "smallest"):
        with pytest.raises(UsageError, match="use largest, all or a number from 1"):
            choose_faces(faces, senseless)  # type: ignore[arg-type]


def test_other_sizes_are_searched_and_faces_detected_again() -> None:
    """A detector that finds a face of 300 px only in copies of one size, and a false one everywhere."""
    seen: list[tuple[int, int]] = []

    def look(image: Image.Image) -> list[Face]:
        seen.append(image.size)
        scale = image.width / 4000
        real = [made_up_face(900, 300).at(scale)] if image.width == 3200 else []
        return [made_up_face(100, 50, confidence=0.5).at(scale), *real] if image.width > 1000 else []

    faces = MultiScaleSearch(look, min_confidence=0.9)(Image.new("RGB", (4000, 2000)))
    assert seen[0] == (1600, 800) and (3200, 1600) in seen and (800, 400) not in seen
    assert len(faces) == 1 and np.allclose(faces[0].box, (900, 10, 1200, 310))
    once = MultiScaleSearch(lambda image: [made_up_face(1, 9, 0.5)] if image.width > 999 else [], 0.9)
    assert once(Image.new("RGB", (1600, 99))) == []


@pytest.mark.parametrize("degrees", TURNS)
def test_places_in_a_turned_picture(degrees: int) -> None:
    """A pixel of the turned picture is the same pixel of the photo."""
    pixels = np.arange(7 * 5).reshape(5, 7)
    turned = np.rot90(pixels, degrees // 90)
    for x, y in ((0, 0), (3, 1), (1, 4)):
        face = Face(Landmarks(*np.array([[x, y]] * 4, np.float64)), (x, y, x, y), 1.0).turned_back(degrees, (7, 5))
        at = face.landmarks.eye_left.astype(int)
        assert pixels[at[1], at[0]] == turned[y, x] and face.box == (*at, *at)


def test_turned_faces_are_counted_as_they_stand() -> None:
    """From the left of the photo once it is upright; only sure faces count, and upright ones come first."""
    size = (300, 200)
    found: dict[tuple[int, int], list[Face]] = {(200, 300): [made_up_face(10, 60), made_up_face(120, 60)]}
    search = MultiScaleSearch(lambda image: found.get(image.size, []), 0.5, sure_confidence=0.9)
    first, second = search(Image.new("RGB", size))
    assert first.turned == second.turned == 90
    assert first.box[1] < second.box[1]  # the left of the turned photo is the top of this one
    found[size] = [made_up_face(5, 50, 0.95)]
    assert [face.turned for face in search(Image.new("RGB", size))] == [0]
    found[200, 300] = [made_up_face(10, 60, 0.89)]
    found[size] = [made_up_face(5, 50, 0.6)]
    assert [face.turned for face in search(Image.new("RGB", size))] == [0]


def test_copies_and_duplicates() -> None:
    assert search_sizes((9000, 6000)) == [(1600, 1067), (3200, 2133), (800, 533)]
    assert search_sizes((512, 500)) == [(512, 500), (1024, 1000)]
    one, shifted, other = made_up_face(100, 100, 0.8), made_up_face(110, 100, 0.9), made_up_face(190, 100, 0.7)
    assert remove_duplicates([one, shifted, other]) == [shifted, other]
