"""Named entities: which stretches of a text are a person, a place, an organisation."""

from pydantic import Field

from playground.fields import CandidateLabels, Spans, Text
from playground.tasks.spec import Asking, Task


class Params(Asking):
    """Knobs of named entity recognition."""

    min_score: float = Field(0.0, ge=0, le=1, description="Leave out entities the model is less sure of than this.")


TASK = Task(
    id="ner",
    inputs=(
        Text(
            name="text",
            columns=("text", "tokens", "words", "sentence", "content", "文本", "句子", "内容", "词", "字"),
        ),
    ),
    output=Spans(
        name="entities",
        columns=(
            "entities",
            "spans",
            "tags",
            "ner_tags",
            "ner_tag",
            "tag",
            "ner",
            "labels",
            "label",
            "annotations",
            "实体",
            "标签",
            "标注",
        ),
    ),
    params=Params,
    heads=("token_classification", "chat_spans"),
    models=("starter/ner-en",),
    bases=("sentence-transformers/all-MiniLM-L6-v2", "scratch/bilstm", "scratch/transformer"),
    metrics=("entity_f1", "entity_precision", "entity_recall"),
    baselines=("dictionary",),
    extras={"chat_spans": (CandidateLabels(name="entity_types", least=1, usual=("person", "place", "organisation")),)},
)
