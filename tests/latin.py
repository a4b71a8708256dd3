"""Latin words in Chinese text: which may stand there, and which were left untranslated."""

from __future__ import annotations

import re
from collections.abc import Iterable

NAMES = {
    # products, formats, units
    "NLP", "Hugging Face Hub", "LoRA", "LoRA alpha", "LoRA dropout", "PEFT", "peft", "LoraConfig", "safetensors",
    "SQuAD", "CMRC", "seqeval", "CoNLL", "IOB", "IOB2", "BIOES", "BILOU", "BMES", "Excel", "WPS", "LibreOffice",
    "ROUGE", "ROUGE-L", "BART", "Pegasus", "BBC", "OpenAI", "vLLM", "TGI", "transformers serve", "Ollama",
    "Python", "Markdown", "Apple GPU", "CSV UTF-8", "UTF-8", "UTF-16", "csv", "tsv", "txt", "md", "pdf", "PDF",
    "xlsx", "parquet", "Parquet", "zip", "Space",
    "json", "jsonl", "JSON", "YAML", "MB", "GB", "F1", "OCR", "CPU", "GPU", "cpu", "NUL", "sha256", "SIGTERM",
    "Alpaca", "ShareGPT", "OpenAI messages", "TMX", "XML", "tmx", "localhost", "Content-Length", "Ctrl + Enter",
    "Ctrl-C", "Cookie", "Authorization: Bearer", "Gradio", "curl",
    # methods that Chinese texts call so, too
    "Wilson", "McNemar", "bootstrap", "softmax", "dropout", "LSTM", "Transformer", "BLEU", "sacreBLEU", "chrF",
    "fastText",
    # labels as they stand in data
    "B-PER", "travel, sports, politics",
}  # fmt: skip
CODE = re.compile(
    r"`[^`]*`"
    r"|[“\"][^\s”\"]+[”\"]"  # one word in quotation marks: it is to be typed like that
    r"|https?://\S+"
    r"|python (-m playground \w+|app\.py)"
    r"|--\w+( \w+=\w+)?"
    r"|(?<![A-Za-z])[\w.-]*[_/=<>\d.][\w./=<>:-]*"  # ids, paths, settings: never a word of prose
    r"|(?<![A-Za-z])\w+,\w+",
    re.ASCII,
)
WORD = re.compile(r"[A-Za-z]{2,}")


def latin_words(text: str, known: Iterable[str] = ()) -> list[str]:
    """The Latin words of a text that are neither `known` (ids, labels, names of files), nor names, nor code."""
    for name in sorted({*known, *NAMES}, key=len, reverse=True):
        if WORD.search(name):
            text = re.sub(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", " ", text)
    return WORD.findall(CODE.sub(" ", text))
