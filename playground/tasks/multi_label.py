"""Any number of labels for a text: topics of an article, emotions of a comment."""

from dataclasses import replace

from playground.fields import CandidateLabels, Label, Labels
from playground.tasks.classification import TASK as CLASSIFICATION

LABEL = CLASSIFICATION.output
assert isinstance(LABEL, Label)

TASK = replace(
    CLASSIFICATION,
    id="multi_label",
    within=CLASSIFICATION.id,
    output=Labels(
        name="labels",
        columns=(
            "labels",
            "categories",
            "classes",
            "intents",
            "topics",
            "emotions",
            "targets",
            "tags",
            "genres",
            "类别列表",
            *LABEL.columns,
        ),
    ),
    heads=("multi_label", "multi_label_probe", "chat_labels"),
    models=(),
    metrics=("micro_f1", "labels_macro_f1", "exact_set"),
    baselines=("frequent_labels", "linear_probe"),
    extras={"chat_labels": (CandidateLabels(name="candidate_labels"),)},
)
