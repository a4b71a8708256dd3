"""Answers by rules alone: what a fine-tune must beat to have learned something."""

from playground.services.baselines.answers import sliding_window
from playground.services.baselines.entities import dictionary
from playground.services.baselines.label_sets import frequent_labels
from playground.services.baselines.summaries import lead
from playground.services.baselines.tokens import unigram
from playground.services.baselines.translations import copy_source, nearest

__all__ = ["copy_source", "dictionary", "frequent_labels", "lead", "nearest", "sliding_window", "unigram"]
