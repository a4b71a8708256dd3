"""Readers of text from nothing: a label a text, or several, one a token, or the place of an answer."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from playground.heads.scratch.modeling import (
    ScratchBagConfig,
    ScratchBagForSequenceClassification,
    ScratchBiLstmConfig,
    ScratchBiLstmForSequenceClassification,
    ScratchBiLstmForTokenClassification,
    ScratchConfig,
    ScratchMlpConfig,
    ScratchMlpForSequenceClassification,
)
from playground.heads.scratch.sizes import ChosenSizes
from playground.heads.scratch.writers import INNER
from playground.models.resolve import SEVERAL_LABELS

CLASSES: dict[tuple[str, str], type[PreTrainedModel]] = {
    ("scratch/bag", "sequence_classification"): ScratchBagForSequenceClassification,
    ("scratch/bag", "multi_label"): ScratchBagForSequenceClassification,
    ("scratch/mlp", "sequence_classification"): ScratchMlpForSequenceClassification,
    ("scratch/mlp", "multi_label"): ScratchMlpForSequenceClassification,
    ("scratch/bilstm", "sequence_classification"): ScratchBiLstmForSequenceClassification,
    ("scratch/bilstm", "multi_label"): ScratchBiLstmForSequenceClassification,
    ("scratch/bilstm", "token_classification"): ScratchBiLstmForTokenClassification,
    ("scratch/transformer", "sequence_classification"): BertForSequenceClassification,
    ("scratch/transformer", "multi_label"): BertForSequenceClassification,
    ("scratch/transformer", "token_classification"): BertForTokenClassification,
    ("scratch/transformer", "extractive_qa"): BertForQuestionAnswering,
}
"""(architecture, head) -> the class of its network."""
OURS: dict[str, type[ScratchConfig]] = {
    "scratch/bag": ScratchBagConfig,
    "scratch/mlp": ScratchMlpConfig,
    "scratch/bilstm": ScratchBiLstmConfig,
}
"""Networks of `modeling`, by what they are told."""
PAIRS = 16_384
"""Of a tagger. A text's class is in few of its words, but what a name is may be in two characters alone."""


def new_reader(
    architecture_id: str,
    head_name: str,
    tokenizer: PreTrainedTokenizerFast,
    outputs: Sequence[str],
    sizes: ChosenSizes,
) -> PreTrainedModel:
    """A network with random weights. `outputs` names its C outputs; empty where they are a start and an end."""
    config = _config(architecture_id, tokenizer, sizes)
    if isinstance(config, ScratchBiLstmConfig) and head_name == "token_classification":
        config.pairs = PAIRS
    if outputs:
        config.id2label = dict(enumerate(outputs))
        config.label2id = {name: number for number, name in enumerate(outputs)}
    if head_name == "multi_label":
        config.problem_type = SEVERAL_LABELS
    return CLASSES[architecture_id, head_name](config)


def _config(architecture_id: str, tokenizer: PreTrainedTokenizerFast, sizes: ChosenSizes) -> PretrainedConfig:
    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": sizes.hidden_size,
        "num_hidden_layers": sizes.layers,
        "max_position_embeddings": sizes.max_length,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if architecture_id in OURS:
        return OURS[architecture_id](**common, dropout=sizes.dropout)
    return BertConfig(
        **common,
        num_attention_heads=sizes.heads,
        intermediate_size=INNER * sizes.hidden_size,
        hidden_dropout_prob=sizes.dropout,
        attention_probs_dropout_prob=sizes.dropout,
    )
