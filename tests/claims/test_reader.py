"""Claims of prompts: attributes, the words kept, negations, lists, contradictions, small vocabularies."""

from __future__ import annotations

import pytest

from styleclip.claims import Claim, describe_claims, read_claims
from styleclip.errors import UsageError

VOCABULARY = (
    *("a", "an", "face", "with", "without", "wearing", "red", "black", "brown", "blonde", "green", "hair", "eyes"),
    *("glasses", "hat", "bald", "smiling", "neutral", "expression", "old", "beard"),
)


def understood(text: str) -> dict[str | None, str]:
    """Attribute -> target; several targets stand apart by ` / `, and `not ` before those of a negation."""
    return {claim.attribute: "not " * claim.negated + " / ".join(claim.targets) for claim in read_claims(text)}


def only_claim(text: str, vocabulary: tuple[str, ...] | None = None) -> Claim:
    [claim] = read_claims(text, vocabulary)
    return claim


@pytest.mark.parametrize(
    ("text", "attribute", "target"),
    [
        ("a face with red hair", "hair colour", "a face with red hair"),
        ("RED HAIR!", "hair colour", "a face with red hair"),
        ("hair that is red", "hair colour", "a face with red hair"),
        ("her hair should be pink", "hair colour", "a face with pink hair"),
        ("turn her brown hair to blonde", "hair colour", "a face with blonde hair"),
        ("change the hair from brown to red", "hair colour", "a face with red hair"),
        ("a woman with dyed pink hair", "hair colour", "a face with pink hair"),
        ("a blonde woman", "hair colour", "a face with blonde hair"),
        ("a redhead", "hair colour", "a redhead"),
        ("a silver-haired person", "hair colour", "a silver-haired face"),
        ("salt and pepper hair", "hair colour", "a face with salt and pepper hair"),
        ("dark red hair", "hair colour", "a face with dark red hair"),
        ("fiery red locks", "hair colour", "a face with fiery red locks"),
        ("dark hair", "hair colour", "a face with dark hair"),
        ("blue-eyed", "eye colour", "a blue-eyed face"),
        ("a man with big blue eyes", "eye colour", "a face with big blue eyes"),
        ("hair: red", "hair colour", "a face with red hair"),
        ("eyes closed", "eyelids", "a face with closed eyes"),
        ("give him bangs", "bangs", "a face with bangs"),
        ("a bare forehead", "bangs", "a face with a bare forehead"),
        ("an afro", "hair texture", "a face with an afro"),
        ("cut her hair short", "hair length", "a face with short hair"),
        ("a bald head", "baldness", "a face with a bald head"),
        ("no hair", "baldness", "a face with no hair"),
        ("shave his head", "baldness", "a bald face"),
        ("dark glasses", "eyewear", "a face with dark glasses"),
        ("thick round glasses", "eyewear", "a face with thick round glasses"),
        ("add a pair of spectacles", "eyewear", "a face with a pair of spectacles"),
        ("old glasses", "eyewear", "a face with old glasses"),
        ("a face wearing a cowboy hat", "hat", "a face wearing a cowboy hat"),
        ("hatless", "hat", "a hatless face"),
        ("make him smile", "expression", "a face with a smile"),
        ("a big grin", "expression", "a face with a big grin"),
        ("a woman smiling warmly", "expression", "a smiling face"),
        ("an angry look", "expression", "a face with an angry look"),
        ("a mustachioed man", "moustache", "a mustachioed face"),
        ("make her older", "age", "an older face"),
        ("an elderly person", "age", "an elderly face"),
        ("red lipstick", "makeup", "a face wearing red lipstick"),
        ("dark-skinned", "skin tone", "a dark-skinned face"),
        ("make the background green", "background colour", "a face on a green background"),
        ("a woman in an orange dress", "clothing colour", "a face wearing an orange dress"),
        ("a photo of a woman", "gender", "a woman"),
    ],
)
def test_one_attribute(text: str, attribute: str, target: str) -> None:
    claim = only_claim(text)
    assert (claim.attribute, claim.targets, claim.negated) == (attribute, (target,), False)
    assert claim.alternatives and target not in claim.alternatives


@pytest.mark.parametrize(
    ("text", "attribute", "target", "alternative"),
    [
        ("no glasses", "eyewear", "a face without glasses", "a face with sunglasses"),
        ("no specs", "eyewear", "a face without specs", "a face with specs"),
        ("not wearing specs", "eyewear", "a face without specs", "a face with sunglasses"),
        ("without sunglasses", "eyewear", "a face without sunglasses", "a face with sunglasses"),
        ("not wearing a hat", "hat", "a face without a hat", "a face wearing a hat"),
        ("a man who doesn't wear a hat", "hat", "a face without a hat", "a face wearing a hat"),
        ("take his glasses off", "eyewear", "a face without glasses", "a face with glasses"),
        ("take off the cap", "hat", "a face without a cap", "a face wearing a cap"),
        ("get rid of the moustache", "moustache", "a face without a moustache", "a face with a moustache"),
        ("shave the beard", "beard", "a face without a beard", "a face with a beard"),
        ("a person who is not smiling", "expression", "a face with a neutral expression", "a smiling face"),
        ("he isn’t smiling", "expression", "a face with a neutral expression", "a smiling face"),
        ("non-smiling", "expression", "a face with a neutral expression", "a smiling face"),
        ("without a smile", "expression", "a face with a neutral expression", "a face with a smile"),
        ("not bald", "baldness", "a face with a full head of hair", "a bald face"),
        ("not old", "age", "a young face", "an old face"),
    ],
)
def test_a_negation_asks_for_the_default(text: str, attribute: str, target: str, alternative: str) -> None:
    claim = only_claim(text)
    assert (claim.attribute, claim.targets, claim.negated) == (attribute, (target,), True)
    assert alternative in claim.alternatives


def test_a_negation_without_a_default_leaves_the_other_states_open() -> None:
    claim = only_claim("not blonde")
    assert claim.negated and claim.alternatives == ("a face with blonde hair",)
    assert {"a face with black hair", "a face with red hair"} < {*claim.targets}
    assert "a face with blonde hair" not in claim.targets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short curly red hair", ("hair length", "hair texture", "hair colour")),
        ("red and curly hair", ("hair colour", "hair texture")),
        ("long, blonde hair and blue eyes", ("hair length", "hair colour", "eye colour")),
        ("make her hair long and curly", ("hair length", "hair texture")),
        ("red hair blue eyes", ("hair colour", "eye colour")),
        ("red curls", ("hair colour", "hair texture")),
        ("a curly red-haired woman", ("hair texture", "hair colour")),
        ("pale freckled skin", ("skin tone", "freckles")),
        ("a bearded, bespectacled man", ("beard", "eyewear")),
        ("clean-shaven", ("beard", "moustache")),
        ("a sad old man in a black hat", ("expression", "age", "hat")),
        (
            "a man with dark curly hair, a thick beard, and round glasses",
            (*("hair colour", "hair texture"), "beard", "eyewear"),
        ),
    ],
)
def test_several_attributes(text: str, expected: tuple[str, ...]) -> None:
    assert tuple(understood(text)) == expected


@pytest.mark.parametrize(
    ("text", "denied", "asked"),
    [
        ("no hat or glasses", {"hat", "eyewear"}, set()),
        ("without glasses, hat or beard", {"eyewear", "hat", "beard"}, set()),
        ("neither a hat nor glasses", {"hat", "eyewear"}, set()),
        ("remove the glasses and the hat", {"eyewear", "hat"}, set()),
        ("remove the glasses and give her red hair", {"eyewear"}, {"hair colour"}),
        ("no glasses and red hair", {"eyewear"}, {"hair colour"}),
        ("not wearing a hat, but wearing glasses", {"hat"}, {"eyewear"}),
        ("a man with a beard and without glasses", {"eyewear"}, {"beard"}),
        ("a beard but no moustache", {"moustache"}, {"beard"}),
    ],
)
def test_how_far_a_negation_reaches(text: str, denied: set[str], asked: set[str]) -> None:
    claims = read_claims(text)
    assert {claim.attribute for claim in claims if claim.negated} == denied
    assert {claim.attribute for claim in claims if not claim.negated} == asked


def test_states_that_are_left_open_are_no_alternatives() -> None:
    for text, targets in (("dark hair", 1), ("brown or black hair", 2)):
        claim = only_claim(text)
        assert len(claim.targets) == targets
        assert not {"a face with black hair", "a face with brown hair"} & {*claim.alternatives}


def test_states_that_hide_an_attribute_are_alternatives() -> None:
    assert "a bald face" in only_claim("red hair").alternatives
    assert {"a bald face", "a face wearing a hat"} < {*only_claim("bangs").alternatives}
    assert "a face with sunglasses" in only_claim("blue eyes").alternatives
    hat, bangs = read_claims("a hat and bangs")
    assert hat.alternatives == ("a face without a hat",)
    assert bangs.alternatives == ("a face without bangs", "a bald face")  # the hat is asked for


@pytest.mark.parametrize(
    "text", ["red hair and blue hair", "a redhead with blue hair", "smiling, not smiling", "a sad happy man"]
)
def test_contradictions_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"exclude each other; keep one of them$"):
        read_claims(text)


def test_one_attribute_said_twice_is_one_claim() -> None:
    assert understood("a blonde woman with golden hair") == {"hair colour": "a face with blonde hair"}
    assert understood("a dark-haired brunette") == {"hair colour": "a face with brunette hair"}
    assert understood("short hair, not long hair") == {"hair length": "a face with short hair"}


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("ginger hair", "a face with red hair"),
        ("emerald eyes", "a face with green eyes"),
        ("thick glasses", "a face with glasses"),
        ("a grinning woman", "a smiling face"),
        ("elderly", "an old face"),
        ("bearded", "a face with a beard"),
        ("no specs", "a face without glasses"),
        ("red hair", "a face with red hair"),
        ("not bald", "a face with hair"),
        ("dark hair", "a face with black hair / a face with brown hair"),
        ("freckles", "a face with freckles"),  # no word for it
    ],
)
def test_a_small_vocabulary_gets_words_of_the_table(text: str, target: str) -> None:
    assert " / ".join(only_claim(text, VOCABULARY).targets) == target


def test_alternatives_without_words_are_left_out() -> None:
    claim = only_claim("red hair", VOCABULARY)
    others = ("black", "brown", "blonde", "green")
    assert claim.alternatives == (*(f"a face with {other} hair" for other in others), "a bald face")
    assert only_claim("freckles", VOCABULARY).alternatives == ()


def test_another_subject() -> None:
    [claim] = read_claims("old", subject="a statue")
    assert claim.targets == ("an old statue",) and claim.alternatives[0] == "a young statue"


def test_what_is_described() -> None:
    first, second, third = describe_claims(read_claims("a cyberpunk face, no glasses, dark-skinned"))
    start = "from 'a face with glasses' or 'a face with sunglasses'"
    assert first == f"not 'glasses' (eyewear): to 'a face without glasses', {start}"
    assert second.startswith("'dark-skinned' (skin tone): to 'a dark-skinned face', from 'a face with light skin' or ")
    assert third == "'a cyberpunk face': to 'a cyberpunk face', from no known alternatives"
