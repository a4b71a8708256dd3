from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from playground.i18n import catalog as sentences
from playground.models.catalog import catalog, offered_for
from playground.models.pin import pin
from playground.tasks import NAMES, TASKS
from tests.hub_server import COMMIT, Repository, running_hub, use_hub
from tests.models.test_hub import CARD, write


def test_every_entry_says_what_it_is_for_and_what_not_to_expect() -> None:
    for entry in catalog().values():
        assert set(entry.tasks) <= set(NAMES) and entry.languages
        assert entry.revision is None or re.fullmatch(r"[0-9a-f]{40}", entry.revision), entry.id
        assert bool(entry.package) == bool(entry.sha256)
        if entry.tasks:
            assert {f"known.{entry.slug}.good", f"known.{entry.slug}.limits"} <= set(sentences()), entry.id


def test_every_task_has_models_for_english_for_chinese_and_for_many_languages() -> None:
    for task in TASKS:
        found = [set(entry.languages) for entry in offered_for(task.id)]
        kinds = {
            "English": [one for one in found if "en" in one and len(one) == 1],
            "Chinese": [one for one in found if "zh" in one and len(one) == 1],
            "both ways": [one for one in found if one == {"en", "zh"}],
            "many": [one for one in found if len(one) > 2],
        }
        if task.id == "translation":
            assert len(kinds["both ways"]) == 2 and len(kinds["many"]) >= 2
        else:
            included = len([model for model in task.models if model.endswith("-en")])
            assert len(kinds["English"]) + included >= 2 and len(kinds["English"]) <= 4, task.id
            assert 2 <= len(kinds["Chinese"]) <= 4, task.id
            assert 2 <= len(kinds["many"]) <= 4, task.id


def test_make_pin_notes_what_the_hub_says_and_names_what_it_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = write(tmp_path / "small", config_json="{}", model_safetensors=bytes(2 * 10**6))
    pickled = write(tmp_path / "pickled", config_json="{}", pytorch_bin=b"\x80\x04.")
    with running_hub({"Qwen/Qwen3-0.6B": Repository(weights, CARD), "dslim/bert-base-NER": pickled}) as running:
        use_hub(monkeypatch, running, tmp_path / "cache")
        refused = pin(tmp_path / "pins.yaml")
    pinned = yaml.safe_load((tmp_path / "pins.yaml").read_text(encoding="utf-8"))
    assert list(pinned) == ["Qwen/Qwen3-0.6B"]
    known = pinned["Qwen/Qwen3-0.6B"]
    assert (known["revision"], known["licence"], known["megabytes"]) == (COMMIT, "mit", 2)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", known["verified"])
    codes = {error.message.values["model"]: error.code for error in refused}
    assert codes["dslim/bert-base-NER"] == "no_safetensors" and codes["Qwen/Qwen2.5-0.5B-Instruct"] == "not_on_hub"
    # What was known before a refusal stays.
    with running_hub({}) as running:
        use_hub(monkeypatch, running, tmp_path / "cache")
        pin(tmp_path / "pins.yaml")
    assert yaml.safe_load((tmp_path / "pins.yaml").read_text(encoding="utf-8")) == pinned
