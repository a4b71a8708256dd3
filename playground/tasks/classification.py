"""One label for a text: sentiment, topic, intent."""

from pydantic import BaseModel, Field

from playground.fields import CandidateLabels, Label, Text
from playground.tasks.spec import Task


class Params(BaseModel, extra="forbid"):
    """Knobs of a classification."""

    top_k: int = Field(10, ge=1, le=1000, description="How many labels to return, best first.")


TASK = Task(
    id="classification",
    inputs=(
        Text(
            name="text",
            columns=(
                "text",
                "sentence",
                "review",
                "content",
                "comment",
                "utterance",
                "query",
                "question",
                "message",
                "title",
                "body",
                "文本",
                "句子",
                "内容",
                "评论",
                "标题",
                "正文",
                "问题",
            ),
        ),
    ),
    output=Label(
        name="label",
        columns=(
            "label",
            "category",
            "class",
            "intent",
            "sentiment",
            "topic",
            "emotion",
            "target",
            "tag",
            "标签",
            "类别",
            "分类",
            "情感",
            "意图",
            "主题",
        ),
    ),
    params=Params,
    heads=("sequence_classification", "linear_probe", "embedding"),
    models=("starter/sentiment-en", "starter/zero-shot-en"),
    bases=("sentence-transformers/all-MiniLM-L6-v2",),
    metrics=("accuracy", "macro_f1"),
    baselines=("majority", "linear_probe"),
    extras={"embedding": (CandidateLabels(name="candidate_labels"),)},
)
