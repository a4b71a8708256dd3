"""What can be set, called or typed is in the README, in both languages."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest

from playground.cli.parser import WORDS, build_parser
from playground.i18n import LANGUAGES, translate
from playground.models.resolve import starters
from playground.settings import Settings
from playground.tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]


def subcommands() -> dict[str, argparse.ArgumentParser]:
    [action] = [found for found in build_parser("en")._actions if isinstance(found, argparse._SubParsersAction)]
    return dict(action.choices)


@pytest.fixture(params=READMES, ids=lambda path: path.name)
def readme(request: pytest.FixtureRequest) -> str:
    """Without the front matter that a Space reads."""
    return request.param.read_text(encoding="utf-8").rpartition("\n---\n")[2].lstrip()


def test_every_setting_is_documented_with_its_default(readme: str) -> None:
    for name, info in Settings.model_fields.items():
        [row] = [line for line in readme.splitlines() if line.startswith(f"| `PLAYGROUND_{name.upper()}`")]
        default = "~/.nlp-playground" if name == "home" else str(info.default)
        assert (f"| `{default}` |" if default else "| – |") in row, row


def test_every_command_is_documented(readme: str) -> None:
    for word in WORDS:
        assert any(line.startswith(f"| `{word}") for line in readme.splitlines()), word


def test_every_task_has_its_tab_described(readme: str) -> None:
    [lang] = [lang for lang in LANGUAGES if readme.startswith(f"# {translate(lang, 'ui.title')}\n")]
    for task in TASKS:
        assert f"**{translate(lang, f'task.{task.id}')}**" in readme


def test_every_option_of_a_fine_tune_is_documented(readme: str) -> None:
    [row] = [line for line in readme.splitlines() if line.startswith("| `finetune")]
    words = subcommands()["finetune"]._option_string_actions
    for option in set(words) - {"-h", "--help", "--json", "--lang"}:
        assert f"`{option}" in row, option


def test_the_two_readmes_link_to_each_other_and_to_what_exists(readme: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", readme)
    assert {"README.md", "README.zh.md"} & set(targets)
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []


def test_no_figure_is_left_to_be_filled_in(readme: str) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", readme, flags=re.DOTALL)
    assert re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", prose, re.ASCII) == []


def test_every_endpoint_is_documented(readme: str) -> None:
    for endpoint in json.loads((ROOT / "tests/ui/endpoints.json").read_text()):
        assert f"`{endpoint}`" in readme


def test_every_starter_is_documented_and_has_cards(readme: str) -> None:
    for model_id in starters():
        assert f"`{model_id}`" in readme
        folder = ROOT / "playground/starters" / model_id.removeprefix("starter/")
        assert {path.name for path in folder.iterdir()} >= {"README.md", "README.zh.md"}


def test_every_task_has_examples_in_both_languages() -> None:
    for task in TASKS:
        lines = [json.loads(line) for line in (ROOT / f"examples/{task.id}.jsonl").read_text().splitlines()]
        assert {line["lang"] for line in lines} == {"en", "zh"}
