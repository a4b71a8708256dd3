"""Is a sentence that a page shows one of the catalog's? Sentences are told by their patterns."""

from __future__ import annotations

import re
from functools import lru_cache

from playwright.sync_api import Page

from playground.i18n import catalog
from playground.models.catalog import catalog as models
from tests.latin import latin_words

VISIBLE = """(without) => {
  const found = new Set();
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const skipped = "script, style, code, #log, .gallery-item, table.runs th[scope=row], " + without;
  const worded = "table.runs, #scores, #side-table";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    if (element.closest(skipped) || !seen(element)) continue;
    if (element.closest("[role=gridcell], td") && !element.closest(worded)) continue;
    if (node.nodeType === Node.TEXT_NODE) found.add(node.data.trim());
    else if (!element.closest(".vega-embed")) {
      for (const name of ["placeholder", "aria-label", "title", "alt"])
        found.add((element.getAttribute(name) ?? "").trim());
      if (element.matches("input[role=combobox]")) found.add(element.value.trim());
    }
  }
  found.delete("");
  return [...found];
}"""

"""Charts: what is drawn counts; the descriptions that Vega writes for screen readers exist in English alone."""

GRADIO_CHINESE = {"将文件拖放到此处", "- 或 -", "点击上传", "清除", "移除", "错误", "加载中"}
"""Words that Gradio itself has in Chinese."""

FREE = re.compile(r"[\d\W_]*|移除 .*")
"""Numbers and signs."""


def visible(page: Page, without: str = "template") -> list[str]:
    """Every text, choice, placeholder, label and title that can be seen or heard, but for code and cells of data.

    The cells of the tables of runs and of scores are words of ours, but for the names that people gave to runs.

    `without` is a CSS selector of what else to leave out.
    """
    return page.evaluate(VISIBLE, without)


@lru_cache(maxsize=2)
def _pattern(lang: str) -> re.Pattern[str]:
    """One or several sentences of the catalog, their values being anything on one line."""
    sentences = {texts[lang].strip() for texts in catalog().values()}
    parts = [re.sub(r"\\\{\w+[^}]*\\\}", ".+?", re.escape(text)) for text in sentences]
    # A sentence that is nothing but its values would match everything.
    parts = [part for part in parts if part.replace(".+?", "").strip("\\ :：,.。")]
    return re.compile(f"(?:(?:{'|'.join(sorted(parts, key=len, reverse=True))})\\s*)+")


def strangers(texts: list[str], lang: str, allowed: set[str]) -> list[str]:
    """The texts that are neither in the catalog nor allowed, and Chinese ones with English words among them.

    A sentence's values match anything, so an English one would pass for a part of a Chinese sentence.
    """
    bases = {entry.rpartition("/")[2] for entry in models()}
    known = GRADIO_CHINESE | allowed | bases | {catalog()["ui.other_language"][lang]}
    return [
        text
        for text in texts
        if text not in known
        and not FREE.fullmatch(text)
        and not (_pattern(lang).fullmatch(text) and not (lang == "zh" and latin_words(text, allowed)))
    ]
