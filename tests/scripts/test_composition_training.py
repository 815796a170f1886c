"""The training pictures and texts of the fine-tuned CLIP: styles, hard negatives, carried weights."""

import json
import random

import pytest
import torch
from safetensors.torch import save_file

from scripts.train_demo.clip import config as plain_config
from scripts.train_demo.clip_composition import Pictures, carried_clip, hard_contrastive_loss, hide, part_of
from scripts.train_demo.hard_negatives import (
    REPORTED,
    disordered,
    exchanged_items,
    negation,
    other_state,
    swapped_colors,
)
from scripts.train_demo.statements import Picture, statement_pair, template_styles
from scripts.train_demo.styles import STYLES, styled
from scripts.train_demo.truth import NEVER, Statement, holds, truth
from styleclip.demo.captions import claimed_states, state_names
from styleclip.demo.render import render
from styleclip.demo.world import ATTRIBUTES, Z_DIM, Faces, faces
from styleclip.networks.clip import build_clip
from styleclip.prompts import TEMPLATES

COUNT = 48


@pytest.fixture(scope="module")
def people() -> Faces:
    return faces(torch.randn(COUNT, Z_DIM, generator=torch.Generator().manual_seed(0)))


@pytest.fixture(scope="module")
def images(people: Faces) -> torch.Tensor:
    return render(people[:4], 64)


def labels(people: Faces) -> list[dict[str, int]]:
    return [{name: int(column[i]) for name, column in people.labels.items()} for i in range(len(people))]


@pytest.mark.parametrize("name", STYLES)
def test_a_style_draws_pictures_of_its_own(name: str, images: torch.Tensor) -> None:
    drawn = styled(images, name)
    assert drawn.shape == images.shape and drawn.min() >= -1 and drawn.max() <= 1
    assert (drawn - images).abs().mean() > 0.05
    assert drawn.std(dim=(1, 2, 3)).min() > 0.05
    assert torch.equal(drawn, styled(images, name)) and {*STYLES[name].hides} <= {a.name for a in ATTRIBUTES}


@pytest.mark.parametrize("name", ["pencil", "lines", "charcoal", "gray", "stone"])
def test_styles_without_colour_have_none(name: str, images: torch.Tensor) -> None:
    drawn = styled(images, name)
    assert (drawn.amax(dim=1) - drawn.amin(dim=1)).max() < 0.35
    assert {"hair_color", "shirt", "background"} <= {*STYLES[name].hides}


@pytest.mark.parametrize("make", [negation, exchanged_items, swapped_colors, other_state, disordered])
def test_the_first_of_a_pair_is_true_and_the_second_false(make, people: Faces) -> None:
    rng, made = random.Random(0), 0
    for _ in range(3):
        for i, row in enumerate(labels(people)):
            if (pair := make(row, rng)) is None:
                continue
            made += 1
            assert pair[0].text != pair[1].text
            true, unclear = truth(pair, people[i : i + 1])
            assert true[:, 0].tolist() == [True, False] and not unclear.any()
            assert holds(pair[0], row) and not holds(pair[1], row)
    assert made > COUNT


def test_negations_claim_what_their_words_say(people: Faces) -> None:
    rng, none = random.Random(1), state_names("eyewear").index("none")
    seen = set()
    for row in labels(people) * 20:
        for each in negation(row, rng, most=0) or ():
            words = each.text.split()
            if "glasses" in words and "dark" not in words:
                denied = any(word in words for word in ("not", "no", "without"))
                assert each.claims == {"eyewear": none if denied else 1}
                seen.add(each.text)
            if "sunglasses" in words and any(word in words for word in ("not", "no", "without")):
                assert each.claims == {} and each.excluded == {"eyewear": 2}
            if words[-2:] == ["not", "smiling"]:
                assert each.excluded == {"expression": state_names("expression").index("smiling")}
    assert {
        "a face that does not have glasses",
        "a face without any glasses",
        "a face who is not wearing glasses",
    } & seen


def test_swapped_colours_keep_the_words(people: Faces) -> None:
    rng = random.Random(2)
    for row in labels(people) * 3:
        if pair := swapped_colors(row, rng):
            assert sorted(pair[0].text.replace("-", " ").split()[1:]) == sorted(
                pair[1].text.replace("-", " ").split()[1:]
            )
            read = claimed_states(pair[1].text)
            assert all(read[name] == state for name, state in pair[1].claims.items() if name in read and state != NEVER)


def test_a_statement_about_what_cannot_be_seen_is_unclear(people: Faces) -> None:
    hidden = torch.zeros(COUNT, len(ATTRIBUTES), dtype=torch.bool)
    hidden[0, [a.name for a in ATTRIBUTES].index("hat")] = True
    partly = hide(people, hidden)
    statements = [Statement("", {"hat": 1}), Statement("", {}, {"hat": 1}), Statement("", {"hat": NEVER})]
    true, unclear = truth(statements, partly)
    assert not true[:, 0].any() and unclear[:, 0].tolist() == [True, True, False]
    before = truth(statements, people)
    assert torch.equal(true[:, 1:], before[0][:, 1:]) and torch.equal(unclear[:, 1:], before[1][:, 1:])


def test_a_style_is_true_of_its_own_pictures_alone(people: Faces) -> None:
    plain, sketch = Statement("a face"), Statement("a sketch of a face", styles=frozenset({"pencil", "lines"}))
    true, _ = truth([plain, sketch], people[:3], ["pencil", "", "oil"])
    assert true.tolist() == [[True] * 3, [True, False, False]]


def test_captions_fit_the_picture_and_are_none_of_the_reporting(people: Faces) -> None:
    rng = random.Random(3)
    for i, row in enumerate(labels(people)):
        for style in ("", *STYLES):
            pair = statement_pair(Picture(row, style), rng)
            true, _ = truth(pair, people[i : i + 1], [style])
            assert true[0, 0] and not {each.text for each in pair} & {*REPORTED}
            assert not any(each.text.startswith("a portrait of") for each in pair)


def test_templates_name_styles_or_none() -> None:
    named = {template: template_styles(template) for template in TEMPLATES}
    assert named["a sketch of a {}."] == {"pencil", "lines", "charcoal"}
    assert "" in named["a bad photo of a {}."] and "" not in named["a black and white photo of the {}."]
    assert named["a tattoo of the {}."] is None
    assert {style for each in named.values() for style in each or ()} <= {"", *STYLES}


def test_known_words_keep_their_features(tmp_path) -> None:
    torch.manual_seed(0)
    old, path = build_clip(plain_config()).eval(), tmp_path / "clip.safetensors"
    save_file(old.state_dict(), path, metadata={"config": json.dumps(plain_config())})
    carried = carried_clip(path).eval()
    texts = ["a face with red hair", "a smiling man wearing glasses on a blue background", "a photo of the old face."]
    torch.testing.assert_close(carried.encode_text(texts), old.encode_text(texts), rtol=0, atol=1e-6)
    same = carried.encode_text(["a face not wearing glasses", "a face zebra wearing glasses"])
    torch.testing.assert_close(same[0], same[1], rtol=0, atol=1e-6)  # a new word begins as the unknown one
    assert "not" in (carried.vocabulary or ()) and "not" not in (old.vocabulary or ())


def test_hard_negatives_have_no_image_of_their_own(people: Faces) -> None:
    statements = [Statement("", {"hat": 1}), Statement("", {"hat": 0}), Statement("", {"hair_color": NEVER})]
    true, _ = truth(statements, people)
    logits = torch.zeros(3, COUNT, requires_grad=True)
    right = torch.where(true, 30.0, 0.0).requires_grad_()
    styles = [""] * COUNT
    assert hard_contrastive_loss(right, statements, people, styles) < hard_contrastive_loss(
        logits, statements, people, styles
    )
    loss = hard_contrastive_loss(logits, statements, people, styles)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient[2] >= 0).all() and gradient[2].sum() > 0  # it is pushed from every image, to none


def test_a_part_of_a_picture_has_its_size(images: torch.Tensor) -> None:
    assert part_of(images[0]).shape == images[0].shape


def test_batches_have_pictures_of_all_kinds(tmp_path, monkeypatch, people: Faces) -> None:
    from scripts.train_demo import clip_composition

    z = torch.randn(8, Z_DIM, generator=torch.Generator().manual_seed(4))
    shown = (render(faces(z), 64) * 127.5 + 127.5).round().to(torch.uint8)
    save_file({"images": shown, "z": z}, tmp_path / "renders.safetensors")
    save_file({"images": shown, "parameters": faces(z).parameters.half()}, tmp_path / "generated.safetensors")
    monkeypatch.setattr(clip_composition, "WORK", tmp_path)
    batch, of_batch, styles, rows = Pictures()(15)
    assert batch.shape == (15, 3, 64, 64) and len(of_batch) == len(styles) == len(rows) == 15
    assert sum(style == "" for style in styles) == 9 and {*styles} - {""} <= {*STYLES}
    parts = [i for i, row in enumerate(rows) if set(row.values()) == {-1}]
    assert parts == [1, 2]
    assert all(
        rows[i]["hair_color"] == -1 for i, style in enumerate(styles) if style and "hair_color" in STYLES[style].hides
    )
