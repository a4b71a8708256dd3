"""What the run panel says, as plain values: numbers with their meaning, in the visitor's language."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from playground.errors import PlaygroundError
from playground.i18n import Message, join, render, translate
from playground.services.finetune import RunView
from playground.services.share import packed
from playground.ui import markup, scorecard
from playground.ui.scorecard import duration

CHARTED = {"held_out": "ui.chart.score", "held_out_loss": "ui.chart.held_out_loss"}
"""What the second chart shows: the score on held-out rows, or the loss where writing them would take too long."""


def contents(view: RunView | None, views: list[RunView], lang: str, peers: Sequence[RunView] = ()) -> dict[str, Any]:
    """{part of the panel: its content}: text, whether it is shown, or keyword arguments of its update."""
    text = partial(translate, lang)
    parts: dict[str, Any] = {
        "none": "" if views else markup.note(text("ui.runs.none")),
        "list": len(views) > bool(view),
        "body": view is not None,
        "head": "", "stop": {"visible": False}, "resume": False, "pack": {"visible": False}, "use": False,
        "charts": False, "loss": [], "charted": "", "score": [], "name": "", "note": "", "events": "",
        "log": "",
        **scorecard.EMPTY,
    }  # fmt: skip
    if view:
        parts |= _progress(view, lang) | (scorecard.contents(view, view.report, lang, peers) if view.report else {})
    return parts


def _progress(view: RunView, lang: str) -> dict[str, Any]:
    text = partial(translate, lang)
    going = view.status.state in ("queued", "running")
    asked = any(event["message"]["key"] == "event.stop_requested" for event in view.events[-1:])
    loss = [(row["step"], row["loss"]) for row in view.metrics if row.get("loss") is not None]
    charted = next((name for row in view.metrics for name in CHARTED if name in row), "held_out")
    score = [(row["step"], row[charted]) for row in view.metrics if row.get(charted) is not None]
    words = (text("ui.chart.step"), text("ui.chart.loss"), text("ui.chart.score"), text(CHARTED[charted]))
    return {
        "head": _head(view, lang),
        "stop": {"visible": going, "interactive": not asked, "value": text("ui.stopping" if asked else "ui.stop")},
        "resume": view.status.state in ("stopped", "failed"),
        "use": view.usable,
        "pack": _packed(view),
        "charts": max(len(loss), len(score)) > 1,  # of one point no line is drawn
        "loss": [words[0], words[1], loss],
        "charted": markup.note(words[3]),
        "score": [words[0], words[2], score],
        "name": view.spec.name,
        "note": view.note,
        "events": markup.events((_clock(event["time"]), _text(event["message"], lang)) for event in view.events),
        "log": view.log,
    }


def _packed(view: RunView) -> dict[str, Any]:
    """Arguments of the button that hands the model over; none where there is no model, or no room for its zip."""
    try:
        return {"visible": True, "value": str(packed(view.id, view.spec.owner))} if view.usable else {"visible": False}
    except PlaygroundError:
        return {"visible": False}


def _head(view: RunView, lang: str) -> str:
    status, spec = view.status, view.spec
    text = partial(translate, lang)
    going = status.state in ("queued", "running")
    facts = [text(f"state.{status.state}")]
    if going and status.phase and status.phase != "queued":
        facts.append(text(f"phase.{status.phase}"))
    if status.max_steps:
        # The curve is written at once, the status now and then.
        step = max([status.step, *(row["step"] for row in view.metrics[-1:])])
        facts.append(text("ui.step_of", step=step, max_steps=status.max_steps))
    if going and status.seconds_left is not None:
        facts.append(text("ui.time_left", time=duration(status.seconds_left, lang)))
    facts += [text(f"ui.method.{spec.method}"), _text(status.device, lang)]
    done = status.step / status.max_steps if status.max_steps else 0.0
    why = join(_text(status.reason, lang), _text(status.hint, lang), lang=lang)
    bar = None if status.state == "done" else done
    return markup.run_head(view.title, facts, done=bar, why=why, said=view.note)


def frame(content: list[Any]) -> Any:
    """A chart's data: x name, y name and points as a DataFrame."""
    import pandas as pd  # type: ignore[import-untyped]

    x, y, points = content or ("x", "y", [])
    # Without a dtype an empty column is taken for text, and its axis stays one of categories.
    return pd.DataFrame(points, columns=[x, y], dtype="float64")


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))


def _text(message: dict[str, Any] | None, lang: str) -> str:
    return render(Message.from_json(message), lang) if message else ""
