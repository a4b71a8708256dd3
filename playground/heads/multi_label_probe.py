"""A linear probe that gives any number of labels: a logistic regression for each."""

from playground.heads.linear_probe import LinearProbe
from playground.heads.multi_label import HEAD as MULTI_LABEL

HEAD = LinearProbe("multi_label_probe", MULTI_LABEL)
