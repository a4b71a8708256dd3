"""The three textbook networks as models of transformers: saved, sharded and loaded by the Auto classes like any other.

Importing this module makes their names known to the Auto classes.
Shapes: B rows, T tokens, L tokens of a fixed length, H width, C outputs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput, TokenClassifierOutput

EMBEDDING_STD = 0.1
"""torch's own start, 1, is as far as Adam goes in a thousand steps at 1e-3: words would stay where chance put them."""

FIRST_PRIME, SECOND_PRIME = 1_000_003, 7_919
"""Spread the pairs of tokens over their numbers."""


class ScratchConfig(PretrainedConfig):
    """What the networks are told.

    max_position_embeddings  the longest input in tokens, under the name that transformers has for it
    """

    def __init__(
        self,
        vocab_size: int = 1000,
        hidden_size: int = 64,
        num_hidden_layers: int = 1,
        dropout: float = 0.0,
        max_position_embeddings: int = 128,
        pad_token_id: int = 0,
        **options: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.dropout = dropout
        self.max_position_embeddings = max_position_embeddings
        super().__init__(pad_token_id=pad_token_id, **options)


class ScratchMlpConfig(ScratchConfig):
    model_type = "scratch-mlp"


class ScratchBiLstmConfig(ScratchConfig):
    """pairs  as of ScratchBagConfig; 0: it reads tokens alone"""

    model_type = "scratch-bilstm"

    def __init__(self, pairs: int = 0, **options: Any) -> None:
        self.pairs = pairs
        super().__init__(**options)


class ScratchBagConfig(ScratchConfig):
    """pairs  numbers that pairs of neighbouring tokens share; two pairs that get the same one are one to the network"""

    model_type = "scratch-bag"

    def __init__(self, pairs: int = 16_384, **options: Any) -> None:
        self.pairs = pairs
        super().__init__(**options)


def pair_numbers(input_ids: torch.Tensor, count: int) -> torch.Tensor:
    """[B, T] -> [B, T - 1]: of each pair of neighbours one of `count` numbers."""
    return (input_ids[:, :-1] * FIRST_PRIME + input_ids[:, 1:] * SECOND_PRIME) % count


class ScratchModel(PreTrainedModel):
    """What the networks have in common: embeddings, and how weights begin."""

    def __init__(self, config: ScratchConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.dropout = nn.Dropout(config.dropout)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """torch's own starts, which keep the scale of what goes through, but for the embeddings."""
        if isinstance(module, nn.Embedding):
            module.weight.normal_(0, EMBEDDING_STD)
            if module.padding_idx is not None:
                module.weight[module.padding_idx] = 0
        elif isinstance(module, nn.Linear | nn.LSTM):
            module.reset_parameters()


class ScratchMlpForSequenceClassification(ScratchModel):
    """Embedding, Flatten, Dense: every place of a text has weights of its own."""

    config_class = ScratchMlpConfig

    def __init__(self, config: ScratchMlpConfig) -> None:
        super().__init__(config)
        self.length = config.max_position_embeddings
        widths = [self.length * config.hidden_size] + [config.hidden_size] * config.num_hidden_layers
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """input_ids, attention_mask: [B, T]; labels: [B], or floats [B, C] -> logits [B, C].

        token_type_ids are not read.
        """
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        embedded = self.embedding(input_ids) * mask.unsqueeze(-1)
        # Cut or filled up with zeros to L tokens, so that a row is the same in any batch.
        fixed = nn.functional.pad(embedded, (0, 0, 0, self.length - embedded.shape[1]))
        values = self.dropout(fixed).flatten(1)
        for layer in self.hidden:
            values = self.dropout(layer(values).relu())
        logits = self.classifier(values)
        return SequenceClassifierOutput(loss=_loss(logits, labels), logits=logits)


class ScratchBagForSequenceClassification(ScratchModel):
    """A text is the sum of its tokens and of its pairs of neighbours, in any order (fastText, Joulin et al. 2016).

    Of what it sums, dropout leaves out whole tokens and pairs (Iyyer et al. 2015): no few of them may decide.
    """

    config_class = ScratchBagConfig

    def __init__(self, config: ScratchBagConfig) -> None:
        super().__init__(config)
        self.pairs = nn.Embedding(config.pairs, config.hidden_size)
        widths = [config.hidden_size] * config.num_hidden_layers
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """input_ids, attention_mask: [B, T]; labels: [B], or floats [B, C] -> logits [B, C].

        token_type_ids are not read.
        """
        mask = (torch.ones_like(input_ids) if attention_mask is None else attention_mask).to(self.pairs.weight.dtype)
        numbers = pair_numbers(input_ids, self.pairs.num_embeddings)
        total, count = self._sum(self.embedding(input_ids), mask)
        more, others = self._sum(self.pairs(numbers), mask[:, :-1] * mask[:, 1:])
        # The root, not the count: a long text says more, and is surer, than a short one.
        values = (total + more) / (count + others).clamp(min=1).sqrt().unsqueeze(-1)
        for layer in self.hidden:
            values = self.dropout(layer(values).relu())
        logits = self.classifier(values)
        return SequenceClassifierOutput(loss=_loss(logits, labels), logits=logits)

    def _sum(self, embedded: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[B, N, H], [B, N] -> the sum [B, H], and how many were summed [B]."""
        if self.training:
            mask = mask * (torch.rand_like(mask) >= self.config.dropout)
        return (embedded * mask.unsqueeze(-1)).sum(1), mask.sum(1)


class ScratchBiLstmModel(ScratchModel):
    """Embedding and Bidirectional LSTM, H wide each way.

    With `pairs` it reads of each token also the pair with the one before and the pair with the one behind: of Chinese
    characters these are mostly words (Zhang and Yang 2018 have them as "bichar").
    """

    config_class = ScratchBiLstmConfig

    def __init__(self, config: ScratchBiLstmConfig) -> None:
        super().__init__(config)
        self.pairs = nn.Embedding(config.pairs, config.hidden_size) if config.pairs else None
        self.lstm = nn.LSTM(
            config.hidden_size * (3 if config.pairs else 1),
            config.hidden_size,
            config.num_hidden_layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.num_hidden_layers > 1 else 0.0,
        )
        self.classifier = nn.Linear(2 * config.hidden_size, config.num_labels)
        self.post_init()

    def states(self, input_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """[B, T] -> [B, T, 2H], zeros where there is padding (on the right), which the LSTM never sees."""
        lengths = mask.sum(1).clamp(min=1).cpu()
        embedded = self.embedding(input_ids)
        if self.pairs is not None:
            # Where a row ends there is padding beside it, in any batch.
            around = nn.functional.pad(input_ids, (1, 1), value=self.config.pad_token_id)
            pairs = self.pairs(pair_numbers(around, self.pairs.num_embeddings))
            embedded = torch.cat([embedded, pairs[:, :-1], pairs[:, 1:]], -1)
        embedded = self.dropout(embedded)
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=input_ids.shape[1])[0]


class ScratchBiLstmForSequenceClassification(ScratchBiLstmModel):
    """A text is the greatest value of each feature over its tokens (Conneau et al. 2017 found that best)."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """input_ids, attention_mask: [B, T]; labels: [B], or floats [B, C] -> logits [B, C].

        token_type_ids are not read.
        """
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        states = self.states(input_ids, mask)
        # The first token stands even in an empty row.
        padding = mask == 0
        padding[:, 0] = False
        pooled = states.masked_fill(padding.unsqueeze(-1), torch.finfo(states.dtype).min).amax(1)
        logits = self.classifier(self.dropout(pooled))
        return SequenceClassifierOutput(loss=_loss(logits, labels), logits=logits)


class ScratchBiLstmForTokenClassification(ScratchBiLstmModel):
    """The textbook tagger (Huang et al. 2015, without the CRF): every token by its state from both sides."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> TokenClassifierOutput:
        """input_ids, attention_mask, labels: [B, T] (-100 ignored) -> logits [B, T, C]. token_type_ids are not read."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        logits = self.classifier(self.dropout(self.states(input_ids, mask)))
        return TokenClassifierOutput(loss=_loss(logits, labels), logits=logits)


def _loss(logits: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor | None:
    """Mean cross-entropy of [..., C] logits over the labels that are not -100.

    Labels that are floats, of the logits' shape, are each a yes or no: then the mean of each output's.
    """
    if labels is None:
        return None
    if labels.is_floating_point():
        return nn.functional.binary_cross_entropy_with_logits(logits, labels)
    return nn.functional.cross_entropy(logits.flatten(0, -2), labels.flatten())


for config_class in (ScratchMlpConfig, ScratchBiLstmConfig, ScratchBagConfig):
    AutoConfig.register(config_class.model_type, config_class)
AutoModelForSequenceClassification.register(ScratchMlpConfig, ScratchMlpForSequenceClassification)
AutoModelForSequenceClassification.register(ScratchBiLstmConfig, ScratchBiLstmForSequenceClassification)
AutoModelForSequenceClassification.register(ScratchBagConfig, ScratchBagForSequenceClassification)
AutoModelForTokenClassification.register(ScratchBiLstmConfig, ScratchBiLstmForTokenClassification)
