"""A chat with a language model: streamed, with a system prompt, undo, retry, edit, export and import."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.fields import ASSISTANT, HALF_A_PAIR, SYSTEM, USER, Messages, Turn, out_of_turn
from playground.i18n import translate
from playground.services.streaming import stream
from playground.tasks.spec import Task
from playground.ui import answers, markup
from playground.ui.code_panel import CodePanel
from playground.ui.loading import import_models
from playground.ui.saving import save_as
from playground.ui.unseen import unseen
from playground.ui.uploaded import uploaded_file
from playground.ui.wrapper import QUIET, Visitor, guarded

MODEL_CHARS = 300
MOST_BYTES = 2_000_000


class ChatPanel:
    """Built inside the tab of a task that takes messages, below its model picker.

    knobs  the tab's components for the task's params, {name: component}
    """

    def __init__(self, task: Task, lang: str, model: gr.Dropdown, knobs: dict[str, gr.components.Component]) -> None:
        self.task, self.lang, self.model, self.knobs = task, lang, model, knobs
        self.text = partial(translate, lang)
        self.field = next(field for field in task.inputs if isinstance(field, Messages))
        with gr.Accordion(self.text("ui.chat"), open=False, elem_classes="chat-panel"):
            self.system = gr.Textbox(
                label=self.text("ui.chat.system"), info=self.text("ui.chat.system.info"), lines=1, max_lines=6,
                elem_id="chat-system",
            )  # fmt: skip
            # As text: what a model writes is no Markdown of ours. Gradio still takes it for HTML: see `as_text`.
            self.chat = gr.Chatbot(
                label=self.text("ui.chat"), show_label=False, height=420, render_markdown=False, buttons=[],
                feedback_options=None, elem_id="chat",
            )  # fmt: skip
            self.message = gr.Textbox(
                label=self.text("ui.chat.message"), placeholder=self.text("ui.chat.placeholder"), lines=2,
                max_lines=8, elem_id="chat-message",
            )  # fmt: skip
            self.note = gr.HTML(padding=False, elem_classes="counts")
            with gr.Row():
                self.send = gr.Button(self.text("ui.chat.send"), variant="primary", elem_classes="run-button")
                self.stop = gr.Button(self.text("ui.write.stop"), visible=False)
            with gr.Row(elem_classes="samples"):
                self.retry, self.edit, self.undo, self.save = (
                    gr.Button(self.text(f"ui.chat.{name}"), size="sm") for name in ("retry", "edit", "undo", "export")
                )
                self.load = gr.UploadButton(self.text("ui.chat.import"), file_types=[".json"], size="sm")
            self.saved = unseen()
            self.code = CodePanel(lang)
        self._events()

    def _events(self) -> None:
        quiet: dict[str, Any] = {"preprocess": False, **QUIET}
        asked = [self.model, self.system, self.message, self.chat, *self.knobs.values()]
        shown = [self.chat, self.message, self.note, self.stop]
        work = [
            trigger(
                # On the button that shows only meanwhile: a failure would stand in large letters over the conversation.
                guarded(handler, self.lang), asked, shown, preprocess=False, api_visibility="private",
                show_progress_on=self.stop,
            )
            for trigger, handler in (
                (self.send.click, self.on_send),
                (self.message.submit, self.on_send),
                (self.retry.click, self.on_retry),
            )
        ]  # fmt: skip
        coded = [self.model, self.system, self.chat, *self.knobs.values()]
        for one in work:
            one.success(guarded(self.on_code, self.lang), coded, self.code.code, preprocess=False, **QUIET)
        self.stop.click(guarded(self.on_stop, self.lang), None, self.stop, cancels=work, **quiet)
        back = [self.chat, self.message]
        # An answer that is still being written would come back.
        for one, handler in ((self.edit, self.on_edit), (self.undo, self.on_undo)):
            one.click(guarded(handler, self.lang), back, [*back, self.stop], cancels=work, **quiet)
        self.save.click(guarded(self.on_save, self.lang), [self.system, self.chat], self.saved, **quiet).success(
            None, self.saved, None, js=save_as("chat.json")
        )
        loaded = [self.system, *back, self.stop]
        # In the queue: outside of it a refusal would be shown without its words.
        self.load.upload(
            guarded(self.on_load, self.lang), self.load, loaded, cancels=work, preprocess=False,
            api_visibility="private", show_progress_on=self.stop,
        )  # fmt: skip

    def on_send(self, visitor: Visitor, model: Any, system: Any, message: Any, chat: Any, *knobs: Any) -> Iterator[Any]:
        """The message goes into the conversation, and the answer is written below it.

        It takes the place of a question that was never answered, as where the answer was stopped before it began.
        """
        said = turns(chat)
        while said and said[-1]["role"] == USER:
            said.pop()
        yield from self._answer(visitor, model, system, [*said, _turn(USER, message)], said, knobs)

    def on_retry(
        self, visitor: Visitor, model: Any, system: Any, message: Any, chat: Any, *knobs: Any
    ) -> Iterator[Any]:
        """The last answer is written again."""
        before = turns(chat)
        for content, _, *rest in self._answer(visitor, model, system, _asked(before), before, knobs):
            yield [content, gr.skip(), *rest]

    def _answer(
        self, visitor: Visitor, model: Any, system: Any, said: list[Turn], before: list[Turn], knobs: tuple[Any, ...]
    ) -> Iterator[list[Any]]:
        """The answer to the last turn of what was said; where it fails, the conversation is as it was before."""
        inputs = {self.field.name: self.field.parse([*self._first(system), *said])}
        params = {name: value for name, value in zip(self.knobs, knobs, strict=True) if value is not None}
        import_models()
        yield [as_text(said), gr.skip(), "", gr.Button(visible=True)]
        last, shown, note = None, "", ""
        try:
            for found in stream(self.task.id, inputs, model=self._chosen(model), params=params, owner=visitor.owner):
                if found is None or found is last:
                    yield [gr.skip(), gr.skip(), gr.skip(), gr.skip()]
                    continue
                shown, note, _ = answers.written({}, found.output, found.details, visitor.lang)
                # Once an answer has begun, the message is in the conversation for good.
                grown = as_text([*said, _turn(ASSISTANT, shown)])
                yield [grown, "" if last is None else gr.skip(), note, gr.skip()]
                last = found
        except GeneratorExit:
            raise
        except BaseException:
            yield [as_text(before) if last is None else gr.skip(), gr.skip(), note, gr.Button(visible=False)]
            raise
        if not shown.strip():
            note = markup.note(visitor.text("ui.chat.nothing"))
        answer = [_turn(ASSISTANT, shown)] if shown.strip() else []
        yield [as_text([*said, *answer]), gr.skip(), note, gr.Button(visible=False)]

    def on_code(self, visitor: Visitor, model: Any, system: Any, chat: Any, *knobs: Any) -> Any:
        """The code that asks what was asked last."""
        said = [*self._first(system), *_asked(turns(chat))]
        params = {name: value for name, value in zip(self.knobs, knobs, strict=True) if value is not None}
        return self.code.of_task(visitor, self.task, {self.field.name: said}, params, self._chosen(model))

    def _first(self, system: Any) -> list[Turn]:
        return [_turn(SYSTEM, system)] if str(system or "").strip() else []

    def _chosen(self, model: Any) -> str:
        return str(model or self.task.models[0])[:MODEL_CHARS]

    def on_stop(self, visitor: Visitor) -> gr.Button:
        return gr.Button(visible=False)

    def on_edit(self, visitor: Visitor, chat: Any, message: Any) -> list[Any]:
        """The last question goes back into the box, to be asked in other words."""
        kept = _asked(turns(chat))
        back = [as_text(kept[:-1]), kept[-1]["content"]] if kept else [[], message]
        return [*back, gr.Button(visible=False)]

    def on_undo(self, visitor: Visitor, chat: Any, message: Any) -> list[Any]:
        """The last question and its answer go; the question stays in the box, where that is empty."""
        kept = _asked(turns(chat))
        typed = message or (kept[-1]["content"] if kept else "")
        return [as_text(kept[:-1]), typed, gr.Button(visible=False)]

    def on_save(self, visitor: Visitor, system: Any, chat: Any) -> str:
        return json.dumps({"messages": [*self._first(system), *turns(chat)]}, ensure_ascii=False, indent=1)

    def on_load(self, visitor: Visitor, file: Any) -> list[Any]:
        """A conversation as it was exported, in OpenAI's form. Raises PlaygroundError for any other file.

        A question that it ends with goes into the box.
        """
        path = uploaded_file(file)
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError
            said = _turns(json.loads(path.read_text(encoding="utf-8"))["messages"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise PlaygroundError("chat_file") from error
        if not said or len(said) > self.field.max_turns or out_of_turn([turn["role"] for turn in said]):
            raise PlaygroundError("chat_file")
        system = said.pop(0)["content"] if said[0]["role"] == SYSTEM else ""
        open_question = said.pop()["content"] if said and said[-1]["role"] == USER else ""
        return [system, as_text(said), open_question, gr.Button(visible=False)]


def _asked(said: list[Turn]) -> list[Turn]:
    """Up to the last question."""
    while said and said[-1]["role"] == ASSISTANT:
        said = said[:-1]
    return said


def as_text(said: list[Turn]) -> list[Turn]:
    """The conversation as the chatbot is given it: it would load a picture that somebody only writes about."""
    return [_turn(turn["role"], html.escape(turn["content"], quote=False)) for turn in said]


def turns(chat: Any) -> list[Turn]:
    """The conversation that a chatbot shows. Raises PlaygroundError."""
    return [_turn(turn["role"], html.unescape(turn["content"])) for turn in _turns(chat)]


def _turns(chat: Any) -> list[Turn]:
    """Turns as Gradio or a file has them; their contents may come in parts."""
    found = []
    for item in chat if isinstance(chat, list) else []:
        content = item.get("content") if isinstance(item, dict) else None
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
        if not isinstance(content, str) or item.get("role") not in (SYSTEM, USER, ASSISTANT):
            raise PlaygroundError("chat_file")
        found.append(_turn(item["role"], content))
    return found


def _turn(role: str, content: Any) -> Turn:
    return {"role": role, "content": HALF_A_PAIR.sub("\ufffd", str(content or ""))}
