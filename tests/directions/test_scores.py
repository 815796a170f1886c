"""Scores: CLIP's probabilities, and tables of people's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from styleclip.directions.scores import clip_scores, drawn_samples, read_scores, seed_latents, seen_features
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.latents import Space
from styleclip.prompts import Prompt, zero_shot_probability
from tests.helpers.tiny import tiny_models


def test_clip_scores_are_zero_shot_probabilities() -> None:
    models = tiny_models()
    latent, features = drawn_samples(models, 30)
    assert latent.space is Space.W and len(latent) == len(features) == 30
    prompt = Prompt("a face with red hair", "an old face")
    expected = zero_shot_probability(models.clip, features, prompt, "prompt")
    assert torch.allclose(clip_scores(models, prompt, features), expected.double(), atol=1e-6)
    assert torch.allclose(seen_features(models, latent), features, atol=1e-5)


def test_scores_without_alternatives_follow_the_cosine() -> None:
    models = tiny_models()
    _, features = drawn_samples(models, 40)
    cosine = features @ models.clip.encode_text(["red"])[0]
    scores = clip_scores(models, Prompt("red"), features)
    assert torch.equal(scores.argsort(), cosine.argsort()) and len(set(scores.tolist())) == 40
    assert scores.min() < 0.5 < scores.max()


def test_seeds_are_those_of_sample() -> None:
    models = tiny_models()
    expected = Editor(models).sample(seeds=[7, 3]).data
    found = models.generator.to_space(seed_latents(models, [7, 3]), Space.W_PLUS).data
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "scores", "seeds"),
    [
        ("seed,score\n3,0.5\n\n7, 1e-2\n", [0.5, 0.01], (3, 7)),
        ("Score , id, SEED\n-1,x,9223372036854773807\n", [-1.0], (9223372036854773807,)),
        ("seed;score\n3;0.5\n", [0.5], (3,)),
        ("score\n1\n2\n2\n", [1.0, 2.0, 2.0], None),
        ("4,0.25\n5,0.75\n", [0.25, 0.75], (4, 5)),
        ("\ufeff0.25\r\n0.75\r\n", [0.25, 0.75], None),
        ('"seed","score"\n"0","1"', [1.0], (0,)),
    ],
)
def test_tables(tmp_path: Path, text: str, scores: list[float], seeds: tuple[int, ...] | None) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(text.encode())
    table = read_scores(path)
    assert table.scores.tolist() == scores and table.scores.dtype == torch.float64 and table.seeds == seeds


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no scores; write a line `seed,score`"),
        ("seed,score\n", "holds no scores; write a line `seed,score`"),
        ("seed,smile\n1,2\n", "has no column 'score' but seed, smile; write a line"),
        ("seed,score\n1,2\n2,nan\n", "line 3 of .*: its score is 'nan', no finite number; mend or delete that line"),
        ("seed,score\n1\n", "line 2 of .*: its score is empty, no finite number"),
        ("seed,score\n\n\n1,x\n", "line 4 of .*: its score is 'x'"),
        ("seed,score\n1.5,2\n", "line 2 of .*: its seed is '1.5', no seed"),
        ("seed,score\n-1,2\n", "line 2 of .*: its seed is '-1', no seed"),
        ("seed,score\n9223372036854775807,2\n", "its seed is '9223372036854775807', no seed"),
        ("seed,score\n1,2\n3,4\n1,5\n", "lines 2 and 4 of .* both have seed 1; delete one"),
        (f"seed,score\n1,{'9' * 200_000}\n", "line 2 of .* is no line of a table"),
        ("1,2,3\n", "has no column 'score' but 1, 2, 3"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=sentence):
        read_scores(path)
