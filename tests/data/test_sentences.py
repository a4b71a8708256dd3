"""Every sentence that data/ can say is in the catalog, in both languages, with the same values."""

from __future__ import annotations

import re
import string
from pathlib import Path

import yaml

import playground

PACKAGE = Path(playground.__file__).parent
CATALOG = yaml.safe_load((PACKAGE / "i18n" / "data.yaml").read_text(encoding="utf-8"))


def values(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_every_sentence_with_the_same_values() -> None:
    for key, texts in CATALOG.items():
        assert set(texts) == {"en", "zh"}, key
        assert values(texts["en"]) == values(texts["zh"]), key
        assert re.search("[\u4e00-\u9fff]", texts["zh"]) and not re.search("[\u4e00-\u9fff]", texts["en"]), key


def test_the_code_and_the_catalog_name_the_same_sentences() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "data").glob("*.py"))
    for key in CATALOG:
        name = key.removeprefix("error.").removesuffix(".hint").removesuffix(".remedy").removeprefix("data.fault.")
        assert f'"{name}"' in code, key
    raised = set(re.findall(r'"(data_\w+)"', code))
    assert raised == {
        key.removeprefix("error.") for key in CATALOG if key.startswith("error.") and not key.endswith("hint")
    }
    assert all(f"error.{name}.hint" in CATALOG for name in raised)
