"""Tiny models of random weights of every architecture that transformers has for text, with a tokenizer of its class."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase
from transformers.models.auto import modeling_auto as auto
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

from tests.heads import language_models, writers

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
    "translation": (transformers.AutoModelForSeq2SeqLM, auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES),
    "generation": (transformers.AutoModelForCausalLM, auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES),
}  # fmt: skip
"""Task -> transformers' class for it, and the families that have it."""
SEEING: dict[str, dict[str, Any]] = {
    "gemma3": {
        "text_config": {
            name: SMALL[name]
            for name in (
                "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
                "head_dim", "intermediate_size", "max_position_embeddings", "pad_token_id", "bos_token_id",
                "eos_token_id",
            )
        },
        "mm_tokens_per_image": 4,
        "vision_config": {
            "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
            "image_size": 56, "patch_size": 14,
        },
    }
}  # fmt: skip
"""Families that also see, and what they are made of."""
FILES = tempfile.TemporaryDirectory(prefix="tokenizers-")
FROM_FILES = {"MarianTokenizer": writers.marian, "M2M100Tokenizer": writers.m2m100}
"""Tokenizers that are not made of texts, and what writes their files."""


def families() -> list[str]:
    """Every family that has any of the classes."""
    return sorted({family for _, names in CLASSES.values() for family in names})


def config_of(family: str) -> PreTrainedConfig | None:
    """A small configuration; None where the family needs more than sizes, or is large whatever they are."""
    kind = CONFIG_MAPPING[family]
    sizes = SEEING.get(family, SMALL)
    if (name := tokenizer_name(family) or "") in FROM_FILES:  # they know of no token but their own
        tokenizer_of(name)
        sizes = {**sizes, "vocab_size": AutoConfig.from_pretrained(Path(FILES.name) / name).vocab_size}
    known = set(getattr(kind, "__dataclass_fields__", ())) or set(inspect.signature(kind.__init__).parameters)
    try:
        config = kind(**{name: value for name, value in sizes.items() if name in known})
        if config.is_encoder_decoder:  # which every checkpoint says, and the class does not
            config.decoder_start_token_id = 2
        found = next(cls for cls, names in CLASSES.values() if family in names)
        with torch.device("meta"):
            weights = sum(one.numel() for one in found.from_config(deepcopy(config)).parameters())
    except Exception:  # the families' own checks raise whatever they like
        return None
    return config if weights < MOST_WEIGHTS else None


def tokenizer_name(family: str) -> str | None:
    """What the library calls the class of its tokenizer; None where it has none of its own."""
    names = TOKENIZER_MAPPING_NAMES.get(family)
    return names[0] if isinstance(names, (tuple, list)) else names


@cache
def tokenizer_of(name: str | None) -> PreTrainedTokenizerBase:
    """A tokenizer of that class, its vocabulary made of a few texts; a plain fast one where that cannot be made."""
    made = language_models.tokenizer_of("llama")
    if name in FROM_FILES:
        made = AutoTokenizer.from_pretrained(FROM_FILES[name](Path(FILES.name) / name))
    elif name == "PegasusTokenizer":  # it is not made of nothing
        letters = sorted({"▁", *"".join(language_models.TEXTS)})
        pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -1.0) for letter in letters)]
        made = transformers.PegasusTokenizer(vocab=pieces)
    elif name:
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
    tokenizer = tokenizer_of(tokenizer_name(family))
    for task, (cls, known) in CLASSES.items():
        if family not in known:
            continue
        torch.manual_seed(0)
        target = folder / f"{family}-{task}"
        try:
            cls.from_config(deepcopy(config)).save_pretrained(target)  # an encoder alone says so in its configuration
        except Exception:  # as above
            continue
        tokenizer.save_pretrained(target)
        yield task, target
