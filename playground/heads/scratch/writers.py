"""Writers of text from nothing: transformers of the library, at small sizes."""

from __future__ import annotations

from typing import Any

from transformers import (
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    MarianConfig,
    MarianMTModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from playground.heads.scratch.sizes import ChosenSizes

INNER = 4
"""The inner layer's width over the outer one's (Vaswani et al. 2017, table 3)."""
BEAMS = 4
"""As Vaswani et al. 2017, section 6.1, and the OPUS-MT models."""


def new_seq2seq(tokenizer: PreTrainedTokenizerFast, sizes: ChosenSizes) -> PreTrainedModel:
    """An encoder-decoder as OPUS-MT models are: sine positions, one embedding for source, target and output."""
    pad, eos = tokenizer.pad_token_id, tokenizer.eos_token_id
    sides = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in {
            "layers": sizes.layers,
            "attention_heads": sizes.heads,
            "ffn_dim": INNER * sizes.hidden_size,
        }.items()
    }
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=sizes.hidden_size,
        max_position_embeddings=sizes.max_length,
        static_position_embeddings=True,
        share_encoder_decoder_embeddings=True,
        tie_word_embeddings=True,
        scale_embedding=True,
        activation_function="swish",
        dropout=sizes.dropout,
        pad_token_id=pad,
        eos_token_id=eos,
        decoder_start_token_id=pad,
        forced_eos_token_id=None,
        **sides,
    )
    model = MarianMTModel(config)
    model.generation_config = GenerationConfig(
        pad_token_id=pad,
        eos_token_id=eos,
        decoder_start_token_id=pad,
        max_length=sizes.max_length,
        num_beams=BEAMS,
        # Padding begins every answer, and may not stand inside one.
        bad_words_ids=[[pad]],
    )
    return model


def new_gpt(tokenizer: PreTrainedTokenizerFast, sizes: ChosenSizes) -> PreTrainedModel:
    """A decoder as GPT-2 is, its output layer tied to its embeddings."""
    special: dict[str, Any] = {
        name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")
    }
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=sizes.max_length,
        n_embd=sizes.hidden_size,
        n_layer=sizes.layers,
        n_head=sizes.heads,
        resid_pdrop=sizes.dropout,
        embd_pdrop=sizes.dropout,
        # None on the attention itself: drawing it costs as much as all matrix products of a step, and a fused kernel
        # takes its place. The activation is GPT-2's own under the name that torch computes in one go.
        attn_pdrop=0.0,
        activation_function="gelu_pytorch_tanh",
        tie_word_embeddings=True,
        **special,
    )
    model = GPT2LMHeadModel(config)
    model.generation_config = GenerationConfig(
        max_length=sizes.max_length, bad_words_ids=[[tokenizer.pad_token_id]], **special
    )
    return model
