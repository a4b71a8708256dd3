"""Extractive question answering: the stretch of a context that answers a question."""

from pydantic import Field

from playground.fields import Answer, Text
from playground.tasks.spec import Asking, Task


class Params(Asking):
    """Knobs of extractive question answering."""

    top_k: int = Field(3, ge=1, le=20, description="How many answers `details` lists, best first.")
    max_answer_words: int = Field(30, ge=1, le=200, description="Longest answer, in words or Chinese characters.")
    allow_none: bool = Field(True, description="Whether the answer may be that the context does not tell.")


TASK = Task(
    id="qa",
    inputs=(
        Text(name="question", columns=("question", "query", "问题", "提问"), max_chars=1_000, lines=1),
        Text(
            name="context",
            columns=("context", "passage", "paragraph", "document", "text", "上下文", "文章", "段落", "篇章", "原文"),
            max_chars=200_000,
            lines=8,
        ),
    ),
    output=Answer(name="answer", columns=("answers", "answer", "answer_text", "答案", "回答")),
    params=Params,
    heads=("extractive_qa", "chat_answer"),
    models=("starter/qa-en",),
    bases=("sentence-transformers/all-MiniLM-L6-v2", "scratch/transformer"),
    metrics=("answer_f1", "exact_match"),
    baselines=("sliding_window",),
    together=("context",),
    documents=True,
    needless=("context",),
    least_tokens=32,  # half of it for the context, which must show an answer and some words around it
)
