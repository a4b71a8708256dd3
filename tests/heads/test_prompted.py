"""Chat models at the tasks of specialists: what they are asked, and what becomes of what they say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from playground.errors import PlaygroundError
from playground.fields import Row, Turn
from playground.heads import get_head
from playground.heads.base import Prediction
from playground.heads.chat_tasks import ChatTask
from playground.heads.prompted import Asked, Said, fill
from playground.i18n import LANGUAGES, render, translate
from playground.models.resolve import CHATS, head_for, resolve
from playground.services.predict import chats, checked_params, extras, predict, predict_rows, predictions
from playground.services.streaming import changes, stream
from playground.tasks import LEARNED, get_task
from tests.heads import language_models

TEXT = "Ada met Bob in Rome. Bob liked Rome."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(language_models.save_base("qwen2", tmp_path_factory.mktemp("qwen2"), context=2048))


class Script:
    """Says what is written down, in that order, and remembers what it was asked. It tells no probabilities."""

    def __init__(self, *said: str) -> None:
        self.said, self.asked = list(said), list[list[Turn]]()

    def say(self, chats: Sequence[list[Turn]], most_tokens: int, again: bool = False) -> list[Said]:
        self.asked += chats
        return [Said(self.said.pop(0)) for _ in chats]

    def weigh(self, chats: Sequence[list[Turn]], options: Sequence[Sequence[str]]) -> None:
        return None


def asked(task_id: str) -> Asked:
    head = get_head(next(name for name in get_task(task_id).heads if name in CHATS))
    assert isinstance(head, ChatTask)
    return head.asked


def answered(task_id: str, row: Row, *said: str, strict: bool = True, **knobs: Any) -> tuple[Any, Script]:
    """(prediction, the script) of one row."""
    params: BaseModel = get_task(task_id).params(**knobs)
    script = Script(*said)
    [found] = asked(task_id).answers(script, [row], (), params, strict)
    return found, script


def test_every_task_but_generation_is_done_by_chat_models_with_its_own_words(folder: str) -> None:
    for task in LEARNED:
        if task.id == "generation":
            continue
        assert head_for(task.heads, resolve(folder)) in CHATS and chats(task.id, folder)
        assert asked(task.id).task == task.id and task.prompt == f"prompt.{task.id}"
        places = {field.name for field in task.inputs} | {"labels", "target"}
        for lang in LANGUAGES:
            prompt = translate(lang, task.prompt)
            assert asked(task.id).is_own(prompt) and not asked(task.id).is_own(prompt + "!")
            assert asked(task.id).is_own(translate(lang, get_task(task.tab).prompt)), "what its tab shows"
            assert fill(prompt, dict.fromkeys(places, "x")).count("{") == 0, "every place is filled"


def test_shares_of_labels_are_the_model_s_own_probabilities(folder: str) -> None:
    labels, text = ["good", "not so good"], "The old dog ran."
    found = predict("classification", {"text": text, "candidate_labels": ", ".join(labels)}, model=folder, details=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": found["details"]["prompt"]}], tokenize=False, add_generation_prompt=True
    )
    logs = []
    for label in labels:
        before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        after = tokenizer(label + "<|im_end|>", add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            scores = model(torch.tensor([before + after])).logits[0].log_softmax(-1)
        logs.append(sum(float(scores[len(before) + n - 1, token]) for n, token in enumerate(after)))
    shares = np.exp(np.array(logs) - max(logs))
    shares /= shares.sum()
    assert {one["label"]: one["score"] for one in found["output"]} == pytest.approx(
        dict(zip(labels, shares.tolist(), strict=True)), abs=1e-4
    )
    assert found["output"] == sorted(found["output"], key=lambda one: -one["score"])
    assert text in found["details"]["prompt"] and "good, not so good" in found["details"]["prompt"]


def test_it_is_asked_in_the_language_of_the_text_or_with_other_words(folder: str) -> None:
    def prompt(text: str, **params: Any) -> str:
        row = {"text": text, "candidate_labels": "a,b"}
        return predict("classification", row, model=folder, params=params, details=True)["details"]["prompt"]

    assert prompt("很好").startswith("下面的文本") and "a、b" in prompt("很好")
    assert prompt("good").startswith("Which one")
    assert prompt("good", prompt="{text}? {labels}!") == "good? a, b!"
    assert prompt("{labels}", prompt="{labels}: {text}") == "a, b: {labels}", "what stands in a text is no place"


def test_labels_are_given_and_types_of_entities_have_usual_ones(folder: str) -> None:
    assert [field.name for field in extras("classification", folder)] == ["candidate_labels"]
    assert [field.name for field in extras("ner", folder)] == ["entity_types"]
    with pytest.raises(PlaygroundError) as refused:
        predict("classification", {"text": "x"}, model=folder)
    assert refused.value.code == "candidate_labels"
    with pytest.raises(PlaygroundError) as refused:
        predict("ner", {"text": TEXT}, model=folder)
    assert refused.value.code == "chat_unusable", "a random network writes no JSON"
    assert predict_rows("ner", [{"text": TEXT}, {"text": TEXT}], model=folder) == [[], []]


def test_a_text_grows_and_a_question_needs_no_context(folder: str) -> None:
    row, params = {"text": "The old dog ran."}, {"max_new_tokens": 8}
    *_, last = changes(stream("summarization", row, model=folder, params=params))
    assert last.output == predict("summarization", row, model=folder, params=params)
    assert last.output["summary_text"] and len(last.details["alternatives"]) <= 8
    found = predict("qa", {"question": "What is blue?"}, model=folder, details=True)
    assert "What is blue?" in found["details"]["prompt"] and "unanswerable" not in found["details"]["prompt"]
    assert found["output"]["answer"] and 0 < found["output"]["score"] <= 1
    with pytest.raises(PlaygroundError) as refused:
        predict("qa", {"question": "What is blue?"})
    assert refused.value.code == "field_empty"


def test_what_cannot_be_talked_to_is_told(tmp_path: Path) -> None:
    plain = str(language_models.save_base("gpt2", tmp_path / "gpt2"))
    assert not chats("ner", plain) and not chats("ner", "starter/ner-en") and not chats("ner", "no/where")
    for model in (plain, "starter/story-en"):
        with pytest.raises(PlaygroundError) as refused:
            predict("ner", {"text": TEXT}, model=model)
        assert refused.value.code == "not_a_chat_model"


@pytest.mark.parametrize(
    "said",
    [
        '[{"type": "person", "text": "Ada"}, {"type": "place", "text": "Rome"}, {"type": "PLACE", "text": "Rome"}]',
        'Here you are:\n```json\n[{"label": "person", "word": "Ada"}, {"type": "place", "text": "Rome"},'
        ' {"type": "place", "text": "Rome"}, {"type": "person", "text": "Eve"}, {"type": "day", "text": "met"}]\n```',
        '<think>Is [Ada] a person?</think>{"entities": [{"type": "person", "text": "Ada"},'
        ' {"type": "place", "text": "Rome"}, {"type": "place", "text": "Rome"}, {"type": "place", "text": "Rome"}]}',
    ],
)
def test_entities_stand_where_the_text_has_them(said: str) -> None:
    found, _ = answered("ner", {"text": TEXT, "entity_types": ["person", "place"]}, said)
    assert [(one["entity_group"], one["word"], one["start"]) for one in found.output] == [
        ("person", "Ada", 0), ("place", "Rome", 15), ("place", "Rome", 31),
    ]  # fmt: skip
    assert all(TEXT[one["start"] : one["end"]] == one["word"] for one in found.output)
    assert len(found.details["lost"]) == {0: 0, 1: 2, 2: 1}[(said[0] == "H") + 2 * (said[0] == "<")]
    assert found.details["sure"] is False


def test_what_cannot_be_read_is_asked_for_once_more_with_what_was_said() -> None:
    row = {"text": TEXT, "entity_types": ["person"]}
    found, script = answered("ner", row, "Ada is a person.", '[{"type": "person", "text": "Ada"}]')
    assert [one["word"] for one in found.output] == ["Ada"]
    assert [turn["role"] for turn in script.asked[1]] == ["user", "assistant", "user"]
    assert script.asked[1][1]["content"] == "Ada is a person."
    with pytest.raises(PlaygroundError) as refused:
        answered("ner", row, "No.", "Still no.")
    assert refused.value.code == "chat_unusable" and refused.value.message.values["said"] == "Still no."
    found, _ = answered("ner", row, "No.", "Still no.", strict=False)
    assert (found.output, found.details["unusable"]) == ([], "Still no.")
    found, _ = answered("ner", row, "No.", "", strict=False)
    assert found.details["unusable"] == "No.", "nothing is no answer to show"


def test_what_was_said_is_told_where_there_is_no_room_to_ask_again(folder: str) -> None:
    """What is asked again is longer: it stands behind the question and the first answer."""
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def length(text: str) -> int:
        turns = asked("ner").question({"text": text}, ["person"])
        prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return len(tokenizer(prompt, add_special_tokens=False)["input_ids"])

    one, two = length("dog " * 100), length("dog " * 200)
    row = {"text": "dog " * (100 + 100 * (2020 - one) // (two - one)), "entity_types": "person"}
    assert 2000 < length(row["text"]) < 2040
    with pytest.raises(PlaygroundError) as refused:
        predict("ner", row, model=folder)
    assert refused.value.code == "chat_unusable" and len(refused.value.message.values["said"]) > 1
    task = get_task("ner")
    for found in predictions(task, [row, row], model=folder, params=task.params()):
        assert found.output == [] and found.details["unusable"] == refused.value.message.values["said"]


def test_a_text_that_grew_to_nothing_is_asked_for_once_more() -> None:
    script, row = Script("They met."), {"text": TEXT}
    written = [Prediction({"generated_text": "<think>Well"}, {"alternatives": [], "ended": "tokens", "retries": 1})]
    params = get_task("summarization").params()
    first, last = asked("summarization").grown(script, row, iter(written), params)
    assert (first.output, last.output) == ({"summary_text": ""}, {"summary_text": "They met."})
    [[question, answer, _]] = script.asked
    assert TEXT in question["content"] and answer["content"] == "<think>Well" and last.details["retries"] == 1
    stopped = [Prediction({"generated_text": ""}, {"alternatives": [], "ended": "stopped"})]
    assert len(list(asked("summarization").grown(Script(), row, iter(stopped), params))) == 1


@pytest.mark.parametrize(
    "said", ['[{"type": "person", "text": "Ada"}, {"type": "pers', "[{", "Ada: person", "", "<think>[{}]", "{}{"]
)
def test_a_list_without_an_end_is_no_list(said: str) -> None:
    found, script = answered("ner", {"text": TEXT, "entity_types": ["person"]}, said, "[]", strict=False)
    assert found.output == [] and len(script.asked) == (1 if said == "{}{" else 2)


def test_objects_one_after_the_other_are_a_list_and_words_are_whole() -> None:
    text = "Annual report by Ann, 1958. 安娜和安"
    said = '{"type": "person", "text": "Ann"}\n{"type": "person", "text": "安"}\n{"type": "year", "text": "195"}'
    found, _ = answered("ner", {"text": text, "entity_types": ["person", "year"]}, said)
    assert [(one["word"], one["start"]) for one in found.output] == [("Ann", 17), ("安", 28)]
    assert found.details["lost"] == ["year: 195"]
    answer, _ = answered("qa", {"question": "How many?", "context": "In 1958 there were 5."}, "5")
    assert (answer.output["start"], answer.output["end"]) == (19, 20)


def test_thoughts_are_no_answer() -> None:
    row = {"text": "x", "candidate_labels": ["good", "bad"]}
    for said in ("<think>not bad</think>good", "It is not bad.</think>\n\ngood"):
        assert answered("classification", row, said)[0].output[0]["label"] == "good"
    found, _ = answered("translation", {"text": "x", "source": "", "target": "fr"}, "Use the <think> tag.")
    assert found.output["translation_text"] == "Use the <think> tag."
    with pytest.raises(PlaygroundError):
        answered("qa", {"question": "Why?", "context": ""}, "<think>Well", "<think>Hm")


@pytest.mark.parametrize(
    ("task", "prompt", "code"),
    [
        ("classification", "Good? {labels}", "bad_prompt"), ("classification", "{text} {labels} {x}", "bad_prompt"),
        ("qa", "{context}", "bad_prompt"), ("qa", "{question}", ""), ("ner", '{labels} {text} {"type": 1}', ""),
        ("summarization", "Shorten: {text}", ""),
    ],
)  # fmt: skip
def test_a_prompt_must_say_what_is_asked(task: str, prompt: str, code: str) -> None:
    try:
        checked_params(get_task(task), {"prompt": prompt})
        found = ""
    except PlaygroundError as error:
        found = error.code if all(render(error.hint, lang) for lang in LANGUAGES) else "no remedy"
    assert found == code


def test_nothing_is_read_in_part(folder: str) -> None:
    """A text that is longer than the model reads is no shorter text; of several, it alone goes without an answer."""
    row = {"text": "The old dog ran to the river. " * 400, "candidate_labels": "good, bad"}
    with pytest.raises(PlaygroundError) as refused:
        predict("classification", row, model=folder)
    assert refused.value.code == "prompt_too_long"
    long, short = predict_rows("classification", [row, {**row, "text": "The dog."}], model=folder)
    assert long == [{"label": "", "score": 0.0}] and sum(one["score"] for one in short) == pytest.approx(1)
    middling = {**row, "text": "The old dog ran to the river. " * 40}  # longer than a specialist reads at once
    assert len(predict("classification", middling, model=folder)) == 2


def test_weights_of_labels_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    folder = language_models.save_base("qwen2", tmp_path, context=1024)
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.get_output_embeddings().weight.fill_(float("nan"))
    model.save_pretrained(folder)
    with pytest.raises(PlaygroundError) as refused:
        predict("classification", {"text": "The dog.", "candidate_labels": "good, bad"}, model=str(folder))
    assert refused.value.code == "model_not_finite"


def test_what_is_learned_is_cut_around_the_answer_and_never_the_question() -> None:
    tokenizer = language_models.tokenizer_of("qwen2")
    text = "The old dog ran to the river. " * 30
    context = text + "It slept under a tree, café and all! " + text
    row = {"question": "What is it?", "context": context, "answer": [{"text": "café", "start": context.index("café")}]}
    rows = {
        "qa": row,
        "ner": {"text": "Ada " + text + "Bob", "entities": [
            {"start": 0, "end": 3, "label": "person"},
            {"start": 4 + len(text), "end": 7 + len(text), "label": "person"},
        ]},
        "classification": {"text": text, "label": "good"},
    }  # fmt: skip
    for task_id, one in rows.items():
        head = get_head(next(name for name in get_task(task_id).heads if name in CHATS))
        assert isinstance(head, ChatTask)
        features, numbers = head.numbered(tokenizer, [one], 400, ["person"])
        assert numbers == [0] and len(features[0]["input_ids"]) <= 400
        [turns] = head.turns(tokenizer, [one], 400, ["person"])
        asked_text = turns["messages"][0]["content"]
        assert 600 < len(asked_text) < len(context)
        if task_id == "qa":
            assert "café" in asked_text and "What is it?" in asked_text and turns["completion"] == "café"
        elif task_id == "ner":
            assert json.loads(turns["completion"]) == [{"type": "person", "text": "Ada"}] and "person" in asked_text


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("Good.", "good"),
        ("**very good**", "very good"),
        ("The label is: bad", "bad"),
        ("Answer: very good!", "very good"),
    ],
)
def test_a_label_is_read_where_no_probability_is_told(said: str, label: str) -> None:
    row = {"text": "x", "candidate_labels": ["good", "bad", "very good"]}
    found, _ = answered("classification", row, said)
    assert [one["score"] for one in found.output] == [1.0, 0.0, 0.0] and found.output[0]["label"] == label
    assert {one["label"] for one in found.output} == {"good", "bad", "very good"}
    with pytest.raises(PlaygroundError):
        answered("classification", row, "good or bad", "not good")


@pytest.mark.parametrize(
    ("said", "applying"),
    [
        ('["good", "a, b"]', ["good", "a, b"]), ("These: [Good，bad]。", ["good", "bad"]), ("[]", []),
        ('["bad", "nobody"]', ["bad"]), ("['good', 'a, b']", ["good", "a, b"]), ('["u.s."]', ["U.S."]),
        ("Not [bad]. These: [good]", ["good"]), ("结果：[“good”、“bad”]这两个", ["good", "bad"]),
        ('["other [misc]", "good"] (see [1])', ["good", "other [misc]"]), ('["good"]\n\n[Note: short]', ["good"]),
        ('["good"]\nOthers: []', ["good"]),
    ],
)  # fmt: skip
def test_labels_that_apply_are_listed_without_probabilities(said: str, applying: list[str]) -> None:
    params, labels = get_task("multi_label").params(top_k=1), ["good", "bad", "a, b", "U.S.", "other [misc]"]
    [found] = asked("multi_label").answers(Script(said), [{"text": "x"}], labels, params)
    assert found.details["applying"] == applying and found.details["sure"] is False
    expected = [{"label": label, "score": 1.0} for label in labels if label in applying]
    assert found.output == (expected or [{"label": "good", "score": 0.0}])


def test_labels_that_nobody_has_are_asked_for_once_more() -> None:
    params, script = get_task("multi_label").params(), Script('["nobody"]', "None of them.")
    [found] = asked("multi_label").answers(script, [{"text": "x"}], ["good"], params)
    assert found.output == [] and found.details["unusable"] == "None of them."
    assert translate("en", "prompt.multi_label.again") in script.asked[1][-1]["content"]


@pytest.mark.parametrize(
    ("said", "output"),
    [
        ("1987", ("1987", 3, 7)), ("“1987”.", ("1987", 3, 7)),
        ("unanswerable", ("", 0, 0)), ("Unanswerable.", ("", 0, 0)),
        ("in the eighties", ("in the eighties", 0, 0)),
    ],
)  # fmt: skip
def test_an_answer_is_looked_up_in_its_context(said: str, output: tuple[str, int, int]) -> None:
    found, _ = answered("qa", {"question": "When?", "context": "In 1987 it was."}, said)
    assert (found.output["answer"], found.output["start"], found.output["end"]) == output


def test_a_translation_names_its_languages() -> None:
    found, script = answered("translation", {"text": "Good day", "source": "", "target": "fr"}, "Bonjour")
    assert found.output == {"translation_text": "Bonjour"} and "into French" in script.asked[0][0]["content"]
    _, script = answered("translation", {"text": "你好", "source": "", "target": ""}, "Hello")
    assert "译成英语" in script.asked[0][0]["content"]
    for prompt, filled in (
        ("From {source} into {target}: {text}", "From English into French: Good day"),
        ("把{source}译成{target}：{text}", "把英语译成法语：Good day"),
    ):
        _, script = answered("translation", {"text": "Good day", "source": "en", "target": "fr", "prompt": prompt}, "x")
        assert script.asked[0][0]["content"] == filled


def test_what_is_learned_reads_back_as_the_right_answer() -> None:
    rows: dict[str, Row] = {
        "classification": {"text": "x", "label": "good"},
        "multi_label": {"text": "x", "labels": ["U.S.", "good", "x[1]"]},
        "ner": {"text": TEXT, "entities": [{"start": 0, "end": 3, "label": "person"}]},
        "qa": {"question": "Who?", "context": TEXT, "answer": [{"text": "Ada", "start": 0}]},
        "translation": {"text": "你好", "source": "zh", "target": "en", "translation": "Hello"},
        "summarization": {"text": TEXT, "summary": "They met."},
    }
    for task_id, row in rows.items():
        task, labels = get_task(task_id), ["person"] if task_id == "ner" else ["good", "bad", "U.S.", "x[1]"]
        found = asked(task_id).read(Said(asked(task_id).gold(row)), row, labels)
        gold = row[task.output.name]
        assert found and task.output.compared(found.output) == (gold[0]["text"] if task_id == "qa" else gold)
    assert json.loads(asked("ner").gold({"text": TEXT, "entities": []})) == []
    none = asked("qa").read(Said(asked("qa").gold({"question": "为什么？", "answer": []})), {"context": "x"}, [])
    assert none and none.output["answer"] == ""
