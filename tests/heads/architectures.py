"""Tiny models of random weights of every architecture that transformers has for text, with a tokenizer of its class."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, PreTrainedConfig, PreTrainedTokenizerBase
from transformers.models.auto import modeling_auto as auto
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

from tests.heads import language_models

SMALL: dict[str, Any] = {
    "vocab_size": 800, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "max_position_embeddings": 512, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
    "num_layers": 2, "num_heads": 4, "d_ff": 48, "d_kv": 8, "n_embd": 32, "n_layer": 2, "n_head": 4,
    "n_positions": 512, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "num_key_value_heads": 2,
    "head_dim": 8, "embedding_size": 32, "num_decoder_layers": 2, "d_inner": 48, "ffn_dim": 48,
    "word_embed_proj_dim": 32, "num_local_experts": 2, "num_experts": 2, "num_experts_per_tok": 1,
    "moe_intermediate_size": 16, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "rotary_dim": 8,
    "emb_dim": 32,
}  # fmt: skip
"""Sizes by all the names that families have for them."""
MOST_WEIGHTS = 5 * 10**6
CLASSES: dict[str, tuple[Any, dict[str, Any]]] = {
    "classification": (
        transformers.AutoModelForSequenceClassification, auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
    ),
    "ner": (transformers.AutoModelForTokenClassification, auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES),
    "qa": (transformers.AutoModelForQuestionAnswering, auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES),
    "summarization": (transformers.AutoModelForSeq2SeqLM, auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES),
    "generation": (transformers.AutoModelForCausalLM, auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES),
}  # fmt: skip
"""Task -> transformers' class for it, and the families that have it."""


def families() -> list[str]:
    """Every family that has any of the classes."""
    return sorted({family for _, names in CLASSES.values() for family in names})


def config_of(family: str) -> PreTrainedConfig | None:
    """A small configuration; None where the family needs more than sizes, or is large whatever they are."""
    kind = CONFIG_MAPPING[family]
    known = set(getattr(kind, "__dataclass_fields__", ())) or set(inspect.signature(kind.__init__).parameters)
    try:
        config = kind(**{name: value for name, value in SMALL.items() if name in known})
        if config.is_encoder_decoder:  # which every checkpoint says, and the class does not
            config.decoder_start_token_id = 2
        found = next(cls for cls, names in CLASSES.values() if family in names)
        with torch.device("meta"):
            weights = sum(one.numel() for one in found.from_config(config).parameters())
    except Exception:  # the families' own checks raise whatever they like
        return None
    return config if weights < MOST_WEIGHTS else None


@cache
def tokenizer_of(name: str | None) -> PreTrainedTokenizerBase:
    """A tokenizer of that class, its vocabulary made of a few texts; a plain fast one where that cannot be made."""
    made = language_models.tokenizer_of("llama")
    if name:
        try:
            fresh = getattr(transformers, name)()
            made = fresh.train_new_from_iterator(language_models.TEXTS, 300)
            assert len(made("The old dog")["input_ids"]) > 1
        except Exception:  # some need files, or know no training
            made = language_models.tokenizer_of("llama")
    made.model_max_length = 100
    return made


def saved(family: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """(task, folder of a model for it), for each task that the family has a class for."""
    config = config_of(family)
    if config is None:
        return
    names = TOKENIZER_MAPPING_NAMES.get(family)
    tokenizer = tokenizer_of(names[0] if isinstance(names, (tuple, list)) else names)
    for task, (cls, known) in CLASSES.items():
        if family not in known:
            continue
        torch.manual_seed(0)
        target = folder / f"{family}-{task}"
        try:
            cls.from_config(config).save_pretrained(target)
        except Exception:  # as above
            continue
        tokenizer.save_pretrained(target)
        yield task, target
