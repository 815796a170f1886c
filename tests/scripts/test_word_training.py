"""The training of the text tower: embeddings of words, losses, and what is written."""

import json
import random
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from scripts.train_demo.clip import config as plain_config
from scripts.train_demo.clip_words import begin, encode_tokens, rank_loss, save_clip, state_loss, state_texts
from scripts.train_demo.reserved import MeasuredWording, is_reserved
from scripts.train_demo.vocabulary import Vocabulary
from scripts.train_demo.word_embedding import WordEmbedding
from scripts.train_demo.wording_scores import auc_of, faces_for
from styleclip.demo.captions import state_text
from styleclip.demo.world import ATTRIBUTES, Z_DIM, faces
from styleclip.networks.clip import build_clip
from styleclip.networks.tokenizers import WordTokenizer
from styleclip.weights.load import load_clip_file

WORDS = ["a", "face", "red", "glasses", "zzz", "scarlet"]  # the last one is in no caption


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    vectors = torch.randn(len(WORDS), 16, generator=torch.Generator().manual_seed(0))
    vectors[5] = vectors[2] + 0.1 * vectors[3]
    content = torch.tensor([False, False, True, True, True])
    return Vocabulary(WORDS, 5, vectors, content, {"crimson": ["red"]})


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("clip") / "clip.safetensors"
    save_file(build_clip(plain_config()).state_dict(), path, metadata={"config": json.dumps(plain_config())})
    return path


def test_an_unseen_word_is_like_the_word_near_it(vocabulary: Vocabulary) -> None:
    embedding = WordEmbedding(vocabulary.vectors, vocabulary.known, vocabulary.content, width=8)
    torch.nn.init.normal_(embedding.residual)
    rows = embedding()
    assert rows.shape == (3 + len(WORDS) + 1, 8)
    torch.testing.assert_close(embedding.near.sum(dim=1), torch.ones(len(WORDS)))
    assert embedding.near[5].argmax() == 2 and embedding.near[2, 2] < 1e-3 and embedding.near[:, :2].max() < 1e-3
    cosines = F.cosine_similarity(rows[3 + 5 : 3 + 6], rows[3:8])
    assert cosines.argmax() == 2
    torch.manual_seed(1)
    drawn = embedding(unseen=0.99)
    assert drawn.shape == (3 + 5 + 1, 8)  # the words of captions alone
    assert torch.equal(drawn[:5], rows[:5]) and not torch.equal(drawn[5], rows[5])


def test_known_words_begin_as_their_tokens_and_the_written_file_reads_like_the_tower(
    vocabulary: Vocabulary, start: Path, tmp_path: Path
) -> None:
    old = load_file(start)
    tower, embedding = begin(start, old, vocabulary)
    tokenizer = WordTokenizer(WORDS, 32)
    texts = ["a red face", "a face", "glasses red a face a face red", "a scarlet face"]
    features = F.normalize(encode_tokens(tower.eval(), embedding(), tokenizer(texts), group=2), dim=1)
    clip = build_clip(plain_config())
    clip.load_state_dict(old)
    torch.testing.assert_close(features[:3], clip.eval().encode_text(texts[:3]), rtol=0, atol=1e-4)
    save_clip(old, tower, embedding, vocabulary, tmp_path / "clip.safetensors")
    written = load_clip_file(tmp_path / "clip.safetensors")
    assert written.vocabulary == tuple(WORDS) and written.neighbours == {"crimson": ("red",)}
    torch.testing.assert_close(written.encode_text(texts), features, rtol=0, atol=2e-2)  # half precision
    with safe_open(tmp_path / "clip.safetensors", "pt") as file:
        assert file.metadata()["styleclip"] == "clip"
    vision = {key: value for key, value in load_file(tmp_path / "clip.safetensors").items() if ".visual." in key}
    assert all(torch.equal(value, old[key].to(value.dtype)) for key, value in vision.items())


def test_sentences_of_states_fit_the_attributes() -> None:
    rng = random.Random(0)
    found = [state_texts(rng) for _ in range(6)]
    for texts in found:
        assert [len(each) for each in texts] == [len(attribute.states) for attribute in ATTRIBUTES]
        canonical = {state_text(attribute.name, k) for attribute in ATTRIBUTES for k in range(len(attribute.states))}
        assert not any(is_reserved(text) for each in texts for text in {*each} - canonical)
    assert state_text("hat", 1) in {texts[5][1] for texts in found} and len({texts[5][1] for texts in found}) > 2


def test_states_are_told_apart() -> None:
    people = faces(torch.randn(64, Z_DIM, generator=torch.Generator().manual_seed(0)))
    columns = [people.labels[attribute.name] for attribute in ATTRIBUTES]
    right = [F.one_hot(each.clamp(min=0), len(a.states)) for each, a in zip(columns, ATTRIBUTES, strict=True)]
    logits = 20.0 * torch.cat(right, dim=1)
    assert state_loss(logits, people) < 1e-6 < state_loss(torch.zeros_like(logits), people)


def test_ranks_count_denials_as_much_as_claims() -> None:
    true = torch.tensor([[True, False, False, False], [True, True, True, False], [True, True, True, True]])
    unclear = torch.zeros_like(true)
    assert rank_loss(torch.where(true, 9.0, -9.0), true, unclear) < 1e-6
    wrong = rank_loss(torch.where(true, -9.0, 9.0), true, unclear)
    assert wrong > 30
    claim, denial = (rank_loss(torch.where(true[i : i + 1], -9.0, 9.0), true[i : i + 1], unclear[:1]) for i in (0, 1))
    torch.testing.assert_close(claim, denial)


def test_the_area_under_the_curve() -> None:
    labels = {"hat": torch.tensor([1, 1, 0, -1]), "age": torch.tensor([0, 1, 1, 1])}
    scores = torch.tensor([0.9, 0.2, 0.5, 1.0])
    assert auc_of(scores, {"hat": 1}, {}, labels) == 0.5
    assert auc_of(scores, {"hat": 1, "age": 0}, {}, labels) == pytest.approx(2 / 3)
    assert auc_of(scores, {}, {"age": 1}, labels) == pytest.approx(2 / 3)


def test_faces_of_which_a_wording_is_true() -> None:
    z = faces_for([MeasuredWording("", {"hat": 1, "age": 1}, {}, "")], count=3, of_each=4)
    people = faces(z)
    assert z.shape == (7, Z_DIM) and (people.labels["hat"][3:] == 1).all() and (people.labels["age"][3:] == 1).all()
