"""Translation: a text in another language."""

from pydantic import Field

from playground.fields import Generated, Language, Text
from playground.tasks.spec import Asking, Task


class Params(Asking):
    """Knobs of a translation."""

    num_beams: int = Field(4, ge=1, le=8, description="How many translations are followed at once; 1 is fastest.")
    alternatives: int = Field(3, ge=1, le=8, description="How many of them are shown; at most as many as are followed.")
    max_new_tokens: int = Field(256, ge=1, le=1024, description="Most tokens of one sentence's translation.")


TASK = Task(
    id="translation",
    inputs=(
        Text(
            name="text",
            columns=(
                "text",
                "source_text",
                "source",
                "src",
                "sentence",
                "original",
                "en",
                "english",
                "原文",
                "源文",
                "英文",
                "英语",
            ),
            max_chars=10_000,
            lines=6,
        ),
        Language(name="source", columns=("source_language", "source_lang", "src_lang", "source", "源语言"), of="text"),
        Language(
            name="target",
            columns=("target_language", "target_lang", "tgt_lang", "target", "目标语言"),
            of="translation",
        ),
    ),
    output=Generated(
        name="translation",
        key="translation_text",
        columns=(
            "translation",
            "target_text",
            "target",
            "tgt",
            "reference",
            "zh",
            "chinese",
            "译文",
            "翻译",
            "中文",
        ),
        max_chars=10_000,
        lines=6,
    ),
    params=Params,
    heads=("seq2seq", "chat_translation"),
    models=("starter/translate-en-zh",),
    bases=("scratch/seq2seq",),
    metrics=("chrf", "bleu"),
    baselines=("copy_source", "nearest"),
    cuts=True,
    together=("text",),
)
