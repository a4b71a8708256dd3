"""Summarization: what a text says, in a few sentences."""

from pydantic import Field

from playground.fields import Generated, Text
from playground.tasks.spec import Asking, Task


class Params(Asking):
    """Knobs of a summary."""

    sentences: int = Field(3, ge=1, le=20, description="Sentences that are taken, by models that only choose them.")
    max_new_tokens: int = Field(128, ge=1, le=1024, description="Most tokens that are written.")
    repetition_penalty: float = Field(1.2, ge=1, le=2, description="Makes what stands there already less likely.")


TASK = Task(
    id="summarization",
    inputs=(
        Text(
            name="text",
            columns=(
                "text",
                "article",
                "document",
                "content",
                "body",
                "dialogue",
                "文章",
                "正文",
                "原文",
                "内容",
                "文本",
            ),
            max_chars=50_000,
            lines=10,
        ),
    ),
    output=Generated(
        name="summary",
        key="summary_text",
        columns=(
            "summary",
            "highlights",
            "abstract",
            "target",
            "tldr",
            "headline",
            "title",
            "摘要",
            "总结",
            "概要",
            "标题",
        ),
        max_chars=10_000,
        lines=5,
    ),
    params=Params,
    heads=("summarizing", "extractive_summary", "chat_summary"),
    models=("starter/summary-en", "starter/summary-zh"),
    bases=("scratch/seq2seq",),
    metrics=("rouge_l",),
    baselines=("lead",),
    cuts=True,
)
