"""The embedded summarizers on the 100 articles of the examples, beside how the articles begin.

`python -m benchmarks.summaries`. The articles and their summaries were written before the method.
"""

from __future__ import annotations

import json
from typing import Any

from benchmarks.hardware import hardware
from playground.services import baselines, metrics
from playground.services.metrics import METRICS
from playground.services.predict import predict_rows
from tests.ui.server import ROOT

LANGUAGES = ("en", "zh")
METRIC = "rouge_l"


def measure(lang: str) -> dict[str, Any]:
    """{"rows", "model": (score, interval), "lead": the same, "p", "alike": share of articles where both are equal}."""
    path = ROOT / f"examples/datasets/summarization/articles-{lang}.jsonl"
    articles = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows, gold = [{"text": one["article"]} for one in articles], [one["summary"] for one in articles]
    outputs = predict_rows("summarization", rows, model=f"starter/summary-{lang}")
    ours, lead = [one["summary_text"] for one in outputs], baselines.lead(rows)
    metric = METRICS[METRIC]
    found = metric.compared(gold, ours, lead, metric.gains(gold, ours, lead))
    scored = {
        who: (metrics.score([METRIC], gold, texts)[METRIC], metrics.intervals([METRIC], gold, texts)[METRIC])
        for who, texts in (("model", ours), ("lead", lead))
    }
    alike = sum(one == other for one, other in zip(ours, lead, strict=True)) / len(rows)
    return {"rows": len(rows), **scored, "p": found["p"], "alike": alike}


def main() -> None:
    print(hardware())
    for lang in LANGUAGES:
        found = measure(lang)
        for who in ("lead", "model"):
            score, (low, high) = found[who]
            print(f"{lang}, {who}, {found['rows']} articles: ROUGE-L {score:.3f} ({low:.3f}-{high:.3f})")
        print(f"{lang}: p = {found['p']:.2f}; the same sentences in {found['alike']:.0%} of the articles")


if __name__ == "__main__":
    main()
