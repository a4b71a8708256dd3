"""Rows on their way through a translation model: cut into sentences, written in batches, put together.

B sentences of a batch, A alternatives of each, T tokens of the longest translation, V tokens of the vocabulary.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from pydantic import BaseModel
from transformers import StoppingCriteria, StoppingCriteriaList

from playground.data.sentences import Piece, join, pieces, shortened
from playground.fields import Row
from playground.heads.base import Prediction
from playground.heads.dialects import Dialect, Direction
from playground.heads.directions import direction
from playground.heads.generating import Bounds
from playground.models.trunk import Features

BATCH_PIECES = 32
"""Sentences that are translated at once; between two batches others' requests get their turn."""
LONGER = 3
SHORTEST = 16
"""A translation ends at LONGER times the tokens of its source and SHORTEST more: small models can begin to repeat."""
UNBOUNDED = 10**6
"""Tokens; asks for a whole text's."""


class Writer(Protocol):
    """A model that writes, with one adapter on it or none.

    dialect  how it is told languages
    longest  most tokens it reads, and most it writes
    """

    dialect: Dialect
    longest: tuple[int, int]

    def call(self, function: Callable[[], Any]) -> Any:
        """Run a function where the tokenizer and the model may be used, and wait for it."""

    def generate(self, features: Sequence[Features], **options: Any) -> Any:
        """What transformers' `generate` gives. Within `call`."""


@dataclass
class Asked:
    """A row to translate, cut into pieces, and what became of them."""

    direction: Direction
    pieces: list[Piece]
    written: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether every sentence was translated to its end."""
        return all(
            index in self.written and self.written[index][0]["whole"]
            for index, piece in enumerate(self.pieces)
            if piece.text
        )

    def text(self) -> str:
        """The translation as far as it is there."""
        done = [index for index, piece in enumerate(self.pieces) if index in self.written or not piece.text]
        known = next((count for count, index in enumerate(done) if count != index), len(done))
        best = [self.written[index][0]["text"] if index in self.written else "" for index in range(known)]
        return join(self.pieces[:known], best)


class StepScores(StoppingCriteria):
    """Never stops; takes from the scores of each step what is needed, and frees the rest.

    `generate` gives the score of a sequence only together with those of every step: [B * beams, V] of each, which are
    gigabytes with a large vocabulary. Nobody looks at a step's again after the criteria.
    """

    def __init__(self, beams: int) -> None:
        self.greedy = beams == 1
        self.logged: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        step = scores[-1]
        if self.greedy:
            self.logged.append(step.gather(-1, input_ids[:, -1:]).squeeze(-1) - step.logsumexp(-1))
        step.untyped_storage().resize_(0)
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)

    def means(self, out: Any, written: torch.Tensor, chosen: torch.Tensor) -> list[float]:
        """The geometric mean of the probabilities of each sequence's tokens that the model chose itself.

        out: of `generate`; written, chosen: [B * A, T] bool, which tokens are none of the padding, and not forced.
        """
        if self.greedy:
            sums = (torch.stack(self.logged, 1) * chosen).sum(1)
        else:
            sums = out.sequences_scores * written.sum(1)
        counts = chosen.sum(1).tolist()
        # A beam that was never filled has no tokens.
        return [math.exp(total / count) if count else 0.0 for total, count in zip(sums.tolist(), counts, strict=True)]


class Translation:
    """What is to be translated at once, with one setting of the knobs and within one bound."""

    def __init__(self, writer: Writer, params: BaseModel, bounds: Bounds) -> None:
        self.writer, self.bounds = writer, bounds
        self.beams = int(getattr(params, "num_beams", 1))
        self.wanted = min(self.beams, int(getattr(params, "alternatives", 1)))
        self.tokens = 0

    def asked(self, rows: Sequence[Row], strict: bool = False) -> list[Asked]:
        """The rows, cut. Raises PlaygroundError for languages that the model cannot do: see `direction`."""
        return self.writer.call(lambda: [self._cut(row, strict) for row in rows])

    def run(self, rows: Sequence[Asked], size: int = BATCH_PIECES) -> Iterator[None]:
        """Translate the pieces of rows in batches; gives way after each.

        Those of one row come in its order, so that what is there can be shown; of several, those of like length
        together.
        """
        todo = [(row, index) for row in rows for index, piece in enumerate(row.pieces) if piece.text]
        if len(rows) > 1:
            todo.sort(key=lambda one: (one[0].direction, len(one[0].pieces[one[1]].text)))
        while todo and not self.bounds.over:
            said = todo[0][0].direction
            batch = [one for one in todo[:size] if one[0].direction == said]
            todo = todo[len(batch) :]
            texts = [row.pieces[index].text for row, index in batch]
            found = self.writer.call(partial(self._write, texts, said))
            for (row, index), alternatives in zip(batch, found, strict=True):
                row.written[index] = alternatives
            yield

    def prediction(self, asked: Asked) -> Prediction:
        """The translation so far; its sentences with their alternatives."""
        seconds = time.monotonic() - self.bounds.began
        sentences = [
            {"text": asked.pieces[index].text, "alternatives": asked.written[index]} for index in sorted(asked.written)
        ]
        details = {
            "source": asked.direction[0], "target": asked.direction[1], "sentences": sentences, "tokens": self.tokens,
            "tokens_per_second": round(self.tokens / max(seconds, 1e-6), 1), "whole": asked.whole,
        }  # fmt: skip
        return Prediction({"translation_text": asked.text()}, details)

    def _cut(self, row: Row, strict: bool) -> Asked:
        """Sentences that the model reads whole."""
        dialect, longest = self.writer.dialect, self.writer.longest[0]
        said = direction(dialect, row["text"], row.get("source") or "", row.get("target") or "", strict)

        def fits(text: str) -> bool:
            return len(dialect.sources([text], *said, UNBOUNDED)[0]["input_ids"]) <= longest

        return Asked(said, [part for piece in pieces(row["text"]) for part in shortened(piece, fits)])

    def _write(self, texts: Sequence[str], said: Direction) -> list[list[dict[str, Any]]]:
        """For each text its A translations, best first: the probability of an average token, and whether it ended."""
        dialect, (reads, writes) = self.writer.dialect, self.writer.longest
        features = dialect.sources(texts, *said, reads)
        longest = max(len(row["input_ids"]) for row in features)
        most = min(self.bounds.max_new_tokens, LONGER * longest + SHORTEST, writes)
        watch = StepScores(self.beams)
        out = self.writer.generate(
            features,
            num_beams=self.beams,
            num_return_sequences=self.wanted,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
            max_new_tokens=most,
            max_length=None,  # or the files' own is warned of, every time
            length_penalty=1.0,  # the best is what is likeliest a token, whatever the files prefer for summaries
            stopping_criteria=StoppingCriteriaList([*self.bounds.criteria(), watch]),
            **dialect.options(said[1]),
        )
        sequences = out.sequences
        written = sequences[:, 1:] != dialect.tokenizer.pad_token_id
        self.tokens += int(written[:: self.wanted].sum())
        # Some models are made to write the end mark in the last place there is: that is no end, nor their choice.
        ended = (sequences[:, 1:most] == dialect.tokenizer.eos_token_id).any(1).tolist()
        chosen = written.clone()
        chosen[:, 0] &= "forced_bos_token_id" not in dialect.options(said[1])
        chosen[:, most - 1 :] &= sequences[:, most:] != dialect.tokenizer.eos_token_id
        scores = watch.means(out, written, chosen)
        found = [
            {"text": text, "score": score, "whole": whole}
            for text, score, whole in zip(dialect.texts(sequences), scores, ended, strict=True)
        ]
        by_text = [found[start : start + self.wanted] for start in range(0, len(found), self.wanted)]
        return [[first, *(other for other in others if other["score"])] for first, *others in by_text]
