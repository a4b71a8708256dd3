"""One label for a text, or for two that are compared: sentiment, topic, intent; paraphrase, entailment."""

from pydantic import Field

from playground.fields import CandidateLabels, Label, Text
from playground.tasks.spec import Asking, Task


class Params(Asking):
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
                "sentence1",
                "premise",
                "question1",
                "text1",
                "text_a",
                "句子1",
                "文本1",
                "前提",
            ),
        ),
        Text(
            name="text_pair",
            columns=(
                "text_pair",
                "sentence2",
                "hypothesis",
                "question2",
                "text2",
                "text_b",
                "句子2",
                "文本2",
                "假设",
            ),
            optional=True,
            lines=1,
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
    heads=(
        "sequence_classification",
        "linear_probe",
        "embedding",
        "multi_label",
        "multi_label_probe",
        "chat_label",
        "chat_labels",
    ),
    models=(
        "starter/sentiment-en",
        "starter/sentiment-zh",
        "starter/emotion-en",
        "starter/topic-en",
        "starter/topic-zh",
        "starter/zero-shot-en",
    ),
    bases=(
        "sentence-transformers/all-MiniLM-L6-v2",
        "scratch/bag",
        "scratch/bilstm",
        "scratch/mlp",
        "scratch/transformer",
    ),
    metrics=("accuracy", "macro_f1"),
    baselines=("majority", "linear_probe"),
    cuts=True,
    one_text=True,
    extras=dict.fromkeys(("embedding", "chat_label"), (CandidateLabels(name="candidate_labels"),)),
)
