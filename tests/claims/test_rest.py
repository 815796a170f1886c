"""What the table does not know stays as a claim of its own, in the words of the prompt."""

from __future__ import annotations

import pytest

from styleclip.claims import Claim, read_claims


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Taylor Swift",
            "a zombie",
            "a cute cat",
            "a man with a mohawk",
            "a watercolour of a ship",
            "a face",
            "  hair",
        ),
        *("an old ship", "a ginger cat", "a bald eagle", "an old photo of a woman", "a blue face", "a man in a suit"),
        *(
            "a face with blue and red hair",
            "a black and white shirt",
            "a man and a woman",
            "not a man",
            "zürich",
            "!",
            "",
        ),
    ],
)
def test_a_text_of_which_nothing_is_known_stays(text: str) -> None:
    assert read_claims(text) == (Claim(text.strip(), None, (text.strip(),)),)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a cyberpunk face with red hair", "a cyberpunk face"),
        ("Emma Stone with glasses and a hat", "Emma Stone"),
        ("a smiling evil woman with a scar and freckles", "an evil woman with a scar"),
        ("a woman with red hair and a scar", "a woman with a scar"),
        ("a woman with red hair, oil painting", "a woman, oil painting"),
        ("a smiling woman with round glasses in the style of Picasso", "a woman in the style of Picasso"),
        ("a black and white photo of a smiling man", "a black and white photo of a man"),
        ("make her a smiling cyberpunk with red hair", "a cyberpunk"),
        ("add glasses and a nose ring", "a nose ring"),
        ("with a nose ring and glasses", "a face with a nose ring"),
        ("a smiling but tired woman", "a tired woman"),
        ("a blue and white background and glasses", "a blue and white background"),
        ("a smiling Obama", "an Obama"),
    ],
)
def test_the_rest_is_the_last_claim(text: str, rest: str) -> None:
    *known, last = read_claims(text)
    assert known and all(claim.attribute for claim in known)
    assert last == Claim(rest, None, (rest,))


@pytest.mark.parametrize(
    "text", ["a photo of a person with red hair", "please make him smile now", "the same girl, but very old!"]
)
def test_subjects_and_fillers_are_no_rest(text: str) -> None:
    assert all(claim.attribute for claim in read_claims(text))
