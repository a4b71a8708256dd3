"""How big a network from nothing is: what was asked for, and what suits the amount of data."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from playground.errors import PlaygroundError
from playground.heads.scratch.tokenizers import Style, Tokens

LITTLE, MUCH = 300_000, 5_000_000
"""Characters of training text below and above which a network is small and large. A model gains from growing
only together with its data (Kaplan et al. 2020, section 4.1): with little text, a large one learns it by heart."""
FINDS_PLACES = ("token_classification", "extractive_qa")
"""Heads that say where something stands. A Chinese word of several characters may hold the end of a name, so
there a token is never longer than what is labelled: subwords, among them every Chinese character alone."""
WORDS_TO_CHARACTERS = 3
"""A text is at least so many times longer in characters than in words or subwords (in English 4 to 6 times)."""
LONGEST = 1024
HEAD_SIZE, HEADS = 64, 4
"""Width of an attention head (Vaswani et al. 2017), and how many there are at least: a width of 128 has 4 as well."""


class Sizes(BaseModel):
    """Numbers of a network from nothing. None means: what suits the architecture and the amount of data."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    tokens: Tokens | None = Field(None, description="What the network reads and writes.")
    vocab_size: int | None = Field(None, ge=600, le=64_000, description="Most tokens of the vocabulary.")
    hidden_size: int | None = Field(None, ge=8, le=1024, description="Width of the layers.")
    layers: int | None = Field(None, ge=1, le=12, description="Layers; of an encoder-decoder, of each side.")
    heads: int | None = Field(None, ge=1, le=16, description="Attention heads; they share the width.")
    dropout: float | None = Field(None, ge=0, le=0.9, description="Share of values set to zero in training.")
    max_length: int | None = Field(None, ge=8, le=LONGEST, description="Longest input, in tokens.")


class ChosenSizes(Sizes):
    """Sizes with nothing left open."""

    tokens: Tokens
    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    dropout: float
    max_length: int


@dataclass(frozen=True)
class Architecture:
    """A kind of network.

    id           as in a run's base: "scratch/bilstm"
    heads        names in playground.heads that it can be trained for
    style        which special tokens stand around its texts
    tokens       what it reads where nothing else is asked for
    hidden_size, layers, dropout  for little, middling and much text
    max_length   in words or subwords
    learning_rate  of AdamW
    """

    id: str
    heads: tuple[str, ...]
    style: Style
    tokens: Tokens
    hidden_size: tuple[int, int, int]
    layers: tuple[int, int, int]
    dropout: tuple[float, float, float]
    max_length: int
    learning_rate: float = 1e-3


VOCABULARY: dict[Tokens, tuple[int, int, int]] = {
    "words": (5_000, 15_000, 30_000),
    # Little data wants few merges: rare subwords are as hard to learn as rare words (Gowda and May 2020).
    "subwords": (2_000, 8_000, 16_000),
    # More than the characters that a Chinese newspaper uses.
    "characters": (6_000, 6_000, 6_000),
}


def choose_sizes(
    architecture: Architecture, characters: int, wanted: Sizes | None = None, head_name: str = ""
) -> ChosenSizes:
    """What was asked for, and for the rest what suits that many characters of training text.

    head_name  what it is trained for, where that is known: it decides on the kind of tokens
    Raises PlaygroundError where the heads cannot share the width evenly.
    """
    asked = (wanted or Sizes()).model_dump(exclude_none=True)
    band = 0 if characters < LITTLE else 1 if characters < MUCH else 2
    tokens: Tokens = asked.get("tokens", "subwords" if head_name in FINDS_PLACES else architecture.tokens)
    longer = WORDS_TO_CHARACTERS if tokens == "characters" else 1
    hidden_size = asked.get("hidden_size", architecture.hidden_size[band])
    chosen = {
        "tokens": tokens,
        "vocab_size": VOCABULARY[tokens][band],
        "hidden_size": hidden_size,
        "layers": architecture.layers[band],
        "heads": _even_heads(hidden_size),
        "dropout": architecture.dropout[band],
        "max_length": min(architecture.max_length * longer, LONGEST),
    }
    sizes = ChosenSizes(**{**chosen, **asked})
    if sizes.hidden_size % sizes.heads:
        raise PlaygroundError("uneven_heads", heads=sizes.heads, hidden_size=sizes.hidden_size)
    return sizes


def _even_heads(hidden_size: int) -> int:
    """As many heads of about HEAD_SIZE as share the width evenly."""
    return next(heads for heads in range(max(HEADS, hidden_size // HEAD_SIZE), 0, -1) if hidden_size % heads == 0)
