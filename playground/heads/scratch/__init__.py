"""Networks from nothing: small models and their tokenizers, trained on the uploaded data alone.

Importing this package makes the networks of `modeling` known to the Auto classes of transformers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from playground.errors import PlaygroundError
from playground.heads.scratch import readers, tokenizers, writers
from playground.heads.scratch.sizes import Architecture, ChosenSizes, Sizes, choose_sizes

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "ChosenSizes",
    "Sizes",
    "architecture",
    "choose_sizes",
    "new_model",
    "new_tokenizer",
]

TRANSFORMER_DROPOUT = (0.3, 0.2, 0.1)
"""The less data, the more of it: Vaswani et al. 2017 have 0.1 for millions of sentences, Sennrich and Zhang 2019
find 0.3 and more best for a hundred thousand."""
DENSE_DROPOUT = (0.5, 0.5, 0.3)
"""Half of a hidden layer, as Srivastava et al. 2014 advise; less where much text already keeps it from learning
by heart."""

ARCHITECTURES: dict[str, Architecture] = {
    kind.id: kind
    for kind in (
        Architecture(
            id="scratch/bag",
            heads=("sequence_classification", "multi_label"),
            style="plain",
            tokens="words",
            hidden_size=(64, 64, 128),
            layers=(1, 1, 1),
            dropout=DENSE_DROPOUT,
            max_length=256,
            learning_rate=3e-3,
        ),
        Architecture(
            id="scratch/mlp",
            heads=("sequence_classification", "multi_label"),
            style="plain",
            tokens="words",
            hidden_size=(64, 128, 128),
            layers=(1, 1, 1),
            dropout=DENSE_DROPOUT,
            max_length=128,
        ),
        Architecture(
            id="scratch/bilstm",
            heads=("sequence_classification", "multi_label", "token_classification"),
            style="plain",
            tokens="words",
            hidden_size=(64, 128, 256),
            layers=(1, 1, 2),
            dropout=DENSE_DROPOUT,
            max_length=256,
        ),
        Architecture(
            id="scratch/transformer",
            heads=("sequence_classification", "multi_label", "token_classification", "extractive_qa"),
            style="encoder",
            tokens="subwords",
            hidden_size=(128, 192, 256),
            layers=(2, 3, 4),
            dropout=TRANSFORMER_DROPOUT,
            max_length=256,
        ),
        Architecture(
            id="scratch/seq2seq",
            heads=("seq2seq", "summarizing"),
            style="seq2seq",
            tokens="subwords",
            hidden_size=(128, 256, 256),
            layers=(2, 3, 4),
            dropout=TRANSFORMER_DROPOUT,
            max_length=128,
        ),
        Architecture(
            id="scratch/gpt",
            heads=("causal_lm",),
            style="gpt",
            tokens="subwords",
            hidden_size=(128, 256, 384),
            layers=(2, 4, 6),
            dropout=TRANSFORMER_DROPOUT,
            max_length=256,
        ),
    )
}


def architecture(id: str) -> Architecture:
    """The architecture of that id, or a PlaygroundError that names all."""
    if id not in ARCHITECTURES:
        raise PlaygroundError("unknown_architecture", architecture=id[:80], architectures=list(ARCHITECTURES))
    return ARCHITECTURES[id]


def new_tokenizer(
    architecture_id: str, texts: Iterable[str], sizes: ChosenSizes, extra_tokens: Sequence[str] = ()
) -> PreTrainedTokenizerFast:
    """A tokenizer made of the training texts (of pairs: both sides). `extra_tokens`: further special tokens.

    The same texts and sizes give the same tokenizer.
    """
    style = architecture(architecture_id).style
    return tokenizers.train(style, sizes.tokens, texts, sizes.vocab_size, sizes.max_length, extra_tokens)


def new_model(
    architecture_id: str,
    head_name: str,
    tokenizer: PreTrainedTokenizerFast,
    labels: Sequence[str],
    sizes: ChosenSizes,
) -> PreTrainedModel:
    """A network with random weights, float32, for a tokenizer of `new_tokenizer`.

    labels  names of the C outputs (of a tagger, the tags: `Head.outputs`), () where a head has none
    Raises PlaygroundError where the architecture has no such head.
    """
    if head_name not in architecture(architecture_id).heads:
        raise PlaygroundError("family_without_head", family=architecture_id, head=head_name)
    if head_name in ("seq2seq", "summarizing"):
        return writers.new_seq2seq(tokenizer, sizes)
    if head_name == "causal_lm":
        return writers.new_gpt(tokenizer, sizes)
    return readers.new_reader(architecture_id, head_name, tokenizer, labels, sizes)
