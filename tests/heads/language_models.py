"""Tiny language models of three families with small tokenizers of their own, in folders laid out like the Hub's."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Tokenizer,
)

from playground.heads import get_head, scratch
from playground.heads.causal_lm import CausalLM
from playground.heads.scratch import tokenizers
from playground.models.resolve import resolve
from playground.runs import TrainingParams

TEXTS = [
    "Once upon a time a cat sat on a mat, and it was very happy there.",
    "The old dog ran to the river. Then it slept under a tree, café and all!",
    "从前有一只小猫，它坐在垫子上，很高兴。",
    "What is the colour of the sky? It is blue.",
] * 4
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""As Qwen's, with its own way of ending a turn that the tokenizer's eos is not."""
MARKS = ["<|im_start|>", "<|im_end|>"]
CONTEXT = 96
SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "max_position_embeddings": CONTEXT,
}  # fmt: skip
FAMILIES = ("gpt2", "llama", "qwen2")


def tokenizer_of(family: str) -> PreTrainedTokenizerFast:
    """One of `scratch/gpt`, Llama's without padding; Qwen2's own kind, with a chat template and one mark for all."""
    if family == "qwen2":
        made = Qwen2Tokenizer().train_new_from_iterator(TEXTS, 400, new_special_tokens=MARKS, show_progress=False)
        made.chat_template = CHATML
        return made
    sizes = scratch.choose_sizes(scratch.architecture("scratch/gpt"), 1000, scratch.Sizes(vocab_size=700))
    made = scratch.new_tokenizer("scratch/gpt", TEXTS, sizes.model_copy(update={"max_length": CONTEXT}))
    if family == "llama":
        made.pad_token = None
    return made


def model_of(family: str, tokenizer: PreTrainedTokenizerFast, context: int = CONTEXT) -> PreTrainedModel:
    ids = {"vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    if family == "gpt2":
        sure = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}  # so little is not to be dropped, too
        return GPT2LMHeadModel(GPT2Config(**ids, **sure, n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=4))
    if family == "llama":
        return LlamaForCausalLM(LlamaConfig(**ids, **SMALL, num_key_value_heads=2))
    small = {**SMALL, "max_position_embeddings": context}
    return Qwen2ForCausalLM(Qwen2Config(**ids, **small, num_key_value_heads=2))


def save_base(family: str, folder: Path, context: int = CONTEXT) -> Path:
    """A model that is far from certain of anything, and does not write one token for ever."""
    torch.manual_seed(2)
    tokenizer = tokenizer_of(family)
    model = model_of(family, tokenizer, context)
    _stir(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _stir(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3 if "wte" in name or "embed" in name else 0.15)
    # Chance writes bytes that are no text, and ends too soon.
    bytes_alone = [id for token, id in tokenizer.get_vocab().items() if token in tokenizers.BYTES]
    model.generation_config.suppress_tokens = sorted({*bytes_alone, *tokenizer.all_special_ids})


def save_lora(base: Path, folder: Path, seed: int) -> Path:
    """An adapter whose weights are far from zero, as training would leave them."""
    head = get_head("causal_lm")
    assert isinstance(head, CausalLM)
    torch.manual_seed(seed)
    model, tokenizer = head.new_model(resolve(str(base)), (), TrainingParams(lora_r=2 + seed, lora_alpha=8))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora" in name:
                parameter.normal_(std=0.2)
    made = {"task": "generation", "labels": (), "base": resolve(str(base)), "max_length": 64}
    head.save(model, folder, tokenizer=tokenizer, **made)
    return folder
