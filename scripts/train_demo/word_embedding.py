"""The embedding of words that a text tower learns: a linear map of fixed word vectors, and a residual of each word.

The residual of a word that no caption has is the mean of those of the words near it. While it is trained, some words of
the captions are taken for such words, so that the map and the words near by suffice for words never seen.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

TEMPERATURE = 0.06  # of the softmax over cosines of word vectors
SPECIAL = 3  # rows in front of the words: padding, start, unknown; the end is the last


class WordVectors:
    """Words and their fixed vectors [N, V], of a file of `word_vectors.py`."""

    def __init__(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            self.words: list[str] = json.loads(file.metadata()["words"])
            self.vectors = file.get_tensor("vectors").float()
        self._row = {word: i for i, word in enumerate(self.words)}

    def of(self, words: list[str]) -> Tensor:
        """The vectors [len(words), V]; zeros for a word that has none."""
        rows = torch.tensor([self._row.get(word, -1) for word in words])
        return torch.where(rows[:, None] >= 0, self.vectors[rows.clamp(min=0)], 0.0)


class WordEmbedding(nn.Module):
    """The rows of a token embedding for `words`, the first `len(residual)` of which captions have.

    Args:
        vectors: fixed vectors [N, V] of all words.
        known: how many of the first words captions have.
        content: bool [known], the words that may be taken for unseen ones.
        width: of the embedding.
    """

    vectors: Tensor
    near: Tensor
    content: Tensor

    def __init__(self, vectors: Tensor, known: int, content: Tensor, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(vectors.shape[1], width, bias=False)
        self.residual = nn.Parameter(torch.zeros(known, width))
        self.special = nn.Parameter(torch.zeros(SPECIAL + 1, width))
        unit = F.normalize(vectors, dim=1)
        cosines = unit @ unit[:known].T
        cosines[:, ~content] = -1.0
        cosines[torch.arange(known), torch.arange(known)] = -1.0
        self.register_buffer("vectors", vectors, persistent=False)
        self.register_buffer("near", (cosines / TEMPERATURE).softmax(dim=1), persistent=False)  # [N, known]
        self.register_buffer("content", content, persistent=False)

    def forward(self, unseen: float = 0.0) -> Tensor:
        """The token embedding [3 + N + 1, width].

        With `unseen` it is that of the words of captions alone, a share of which is taken for unseen.
        """
        known = len(self.residual)
        if unseen > 0:
            drawn = self.content & (torch.rand(known) < unseen)
            own = torch.where(drawn[:, None], self.near[:known] @ self.residual, self.residual)
        else:
            own = torch.cat([self.residual, self.near[known:] @ self.residual])
        rows = self.map(self.vectors[: len(own)]) + own
        return torch.cat([self.special[:SPECIAL], rows, self.special[SPECIAL:]])

    @torch.no_grad()
    def begin(self, rows: Tensor, carried: Tensor, special: Tensor) -> None:
        """Begin with `rows` [known, width] for the words in bool [known] `carried`, and with those of `special`."""
        x, y = self.vectors[: len(rows)][carried], rows[carried]
        ridge = 3.0 * torch.eye(x.shape[1])
        self.map.weight.copy_(torch.linalg.solve(x.T @ x + ridge, x.T @ y).T)
        self.special.copy_(special)
        left = rows - self.map(self.vectors[: len(rows)])
        self.residual.copy_(torch.where(carried[:, None], left, 0.0))
