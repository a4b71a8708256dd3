"""Tiny models of the families that write text, with their real tokenizers, in folders laid out like the Hub's.

The vocabularies are sentencepiece models of a few sentences, the weights random: what is tested is how a family is
told languages, and that nothing is lost on the way, not how well it translates.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    MBartConfig,
    MBartForConditionalGeneration,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M_CODES
from transformers.models.mbart.tokenization_mbart import FAIRSEQ_LANGUAGE_CODES as MBART_OLD_CODES
from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as MBART_CODES
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB_CODES

ENGLISH = [
    "The cat sat on the mat.",
    "A dog ran under the old tree, and a bird flew over the river.",
    "Where is the station? It is not far.",
    "translate English to German: I love you.",
    "Good morning, how are you today?",
] * 3
CHINESE = [
    "猫坐在垫子上。",
    "一只狗在老树下跑，一只鸟飞过河。",
    "车站在哪里？不远。",
    "我爱你。",
    "早上好，你今天好吗？",
] * 3
VOCABULARY = 160
FAIRSEQ = ["<s>", "<pad>", "</s>", "<unk>"]
SIZES = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 64,
}  # fmt: skip


def save_spm(path: Path, texts: list[str], kind: str = "unigram", **numbers: int) -> list[str]:
    """A sentencepiece model of some texts; its pieces in order."""
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=file, vocab_size=VOCABULARY, model_type=kind,
            hard_vocab_limit=False, character_coverage=1.0, minloglevel=2, **numbers,
        )  # fmt: skip
    read = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [read.id_to_piece(number) for number in range(len(read))]


def write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def save(model: PreTrainedModel, folder: Path, tokenizer: dict[str, Any], scale: float = 0.4) -> Path:
    """The model, its matrices large enough that what it writes depends on what it reads; and tokenizer_config.json."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn_like(parameter) * scale)
    model.save_pretrained(folder)
    write_json(folder / "tokenizer_config.json", tokenizer)
    return folder


def marian(
    folder: Path, source: str = "eng", target: str = "zho", tokens: tuple[str, ...] = (), scale: float = 0.4
) -> Path:
    """As Helsinki-NLP/opus-mt-en-zh: two sentencepiece models, one vocabulary; `tokens`: marks such as >>cmn_Hans<<."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = save_spm(folder / "source.spm", ENGLISH) + save_spm(folder / "target.spm", CHINESE)
    words = dict.fromkeys(["</s>", "<unk>", *(piece for piece in pieces if piece[0] != "<"), *tokens, "<pad>"])
    write_json(folder / "vocab.json", {word: number for number, word in enumerate(words)})
    pad = len(words) - 1
    torch.manual_seed(1)
    config = MarianConfig(
        vocab_size=len(words), pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad, forced_eos_token_id=0,
        scale_embedding=True, static_position_embeddings=True, **SIZES,
    )  # fmt: skip
    model = MarianMTModel(config)
    model.generation_config.bad_words_ids = [[pad]]
    known = {"source_lang": source, "target_lang": target, "model_max_length": 64}
    return save(model, folder, known, scale)


def m2m100(folder: Path) -> Path:
    """As facebook/m2m100_418M."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = save_spm(folder / "sentencepiece.bpe.model", ENGLISH + CHINESE, "bpe")
    words = dict.fromkeys([*FAIRSEQ, *(piece for piece in pieces if piece[0] != "<")])
    write_json(folder / "vocab.json", {word: number for number, word in enumerate(words)})
    torch.manual_seed(2)
    config = M2M100Config(vocab_size=len(words) + len(M2M_CODES["m2m100"]) + 8, decoder_start_token_id=2, **SIZES)
    return save(M2M100ForConditionalGeneration(config), folder, {"tokenizer_class": "M2M100Tokenizer"})


def nllb(folder: Path) -> Path:
    """As facebook/nllb-200-distilled-600M, whose config says m2m_100."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = save_spm(folder / "sentencepiece.bpe.model", ENGLISH + CHINESE, "bpe")
    torch.manual_seed(3)
    config = M2M100Config(vocab_size=len(pieces) + 1 + len(NLLB_CODES) + 1, decoder_start_token_id=2, **SIZES)
    known = {"tokenizer_class": "NllbTokenizer", "additional_special_tokens": NLLB_CODES, "model_max_length": 64}
    return save(M2M100ForConditionalGeneration(config), folder, known)


def mbart50(folder: Path) -> Path:
    """As facebook/mbart-large-50-many-to-many-mmt."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = save_spm(folder / "sentencepiece.bpe.model", ENGLISH + CHINESE)
    torch.manual_seed(4)
    config = MBartConfig(vocab_size=len(pieces) + 1 + len(MBART_CODES) + 1, decoder_start_token_id=2, **SIZES)
    known = {"tokenizer_class": "MBart50Tokenizer", "src_lang": None, "tgt_lang": None, "model_max_length": 64}
    return save(MBartForConditionalGeneration(config), folder, known)


def mbart(folder: Path) -> Path:
    """As facebook/mbart-large-en-ro, whose decoder starts with a language; here into Chinese."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = save_spm(folder / "sentencepiece.bpe.model", ENGLISH + CHINESE)
    torch.manual_seed(7)
    config = MBartConfig(vocab_size=len(pieces) + 1 + len(MBART_OLD_CODES) + 1, decoder_start_token_id=2, **SIZES)
    config.task_specific_params = {"translation_en_to_zh": {"decoder_start_token_id": 2}}
    return save(MBartForConditionalGeneration(config), folder, {"tokenizer_class": "MBartTokenizer"})


def t5(folder: Path, gated: bool = False, prefixes: bool = True) -> Path:
    """As google-t5/t5-small; `gated` as FLAN-T5 and mT5, of which mT5 knows no `prefixes`."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    pieces = save_spm(folder / "spiece.model", ENGLISH + CHINESE, **ids)
    torch.manual_seed(5)
    config = T5Config(
        vocab_size=len(pieces) + 100, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=0,
        feed_forward_proj="gated-gelu" if gated else "relu", tie_word_embeddings=not gated,
    )  # fmt: skip
    if prefixes:
        config.task_specific_params = {
            "summarization": {"prefix": "summarize: "},
            "translation_en_to_de": {"prefix": "translate English to German: ", "num_beams": 4},
            "translation_en_to_fr": {"prefix": "translate English to French: ", "num_beams": 4},
        }
    return save(T5ForConditionalGeneration(config), folder, {"tokenizer_class": "T5Tokenizer", "model_max_length": 64})


def bart(folder: Path) -> Path:
    """As facebook/bart-base, which knows no languages; here with T5's kind of vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    pieces = save_spm(folder / "spiece.model", ENGLISH + CHINESE, **ids)
    torch.manual_seed(6)
    config = BartConfig(
        vocab_size=len(pieces) + 100, pad_token_id=0, bos_token_id=1, eos_token_id=1, decoder_start_token_id=1,
        forced_eos_token_id=1, **SIZES,
    )  # fmt: skip
    return save(
        BartForConditionalGeneration(config), folder, {"tokenizer_class": "T5Tokenizer", "model_max_length": 64}
    )


MULTI_MARIAN = (">>cmn_Hans<<", ">>cmn_Hant<<", ">>yue_Hant<<")
FAMILIES: dict[str, Callable[[Path], Path]] = {
    "marian": marian,
    "bart": bart,
    "t5": t5,
    "flan-t5": lambda folder: t5(folder, gated=True),
    "m2m100": m2m100,
    "nllb": nllb,
    "mbart50": mbart50,
    "mbart": mbart,
}
