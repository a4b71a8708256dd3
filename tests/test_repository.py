"""Rules of the repository that a reviewer should not have to look for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_BYTES = 10_000_000
STARTERS_BYTES = 60_000_000
"""Of all starters together."""
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
LEFT_BEHIND = {".git", ".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", "runs"}
LEFT_BEHIND |= {"test-results", "build"}
TEXTS = {".py", ".md", ".txt", ".toml", ".yaml", ".json", ".jsonl"}
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz", ".joblib"}


def files() -> list[Path]:
    """What is kept in the repository, or would be: everything but what the tools leave behind."""
    return [
        path for path in sorted(ROOT.rglob("*"))
        if path.is_file() and not LEFT_BEHIND.intersection(path.relative_to(ROOT).parts)
    ]  # fmt: skip


def test_files_are_small_and_weights_are_safetensors() -> None:
    for path in files():
        assert path.stat().st_size < MAX_BYTES, path
        assert path.suffix not in PICKLES, path
    starters = ROOT / "playground/starters"
    assert sum(path.stat().st_size for path in starters.rglob("*") if path.is_file()) < STARTERS_BYTES


def test_files_and_functions_are_of_a_size_to_read() -> None:
    long = []
    for path in files():
        if path.suffix != ".py":
            continue
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MAX_FILE_LINES:
            long.append(str(path))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION_LINES:
                long.append(f"{path}:{node.lineno}: {node.name}")
    assert not long, "\n".join(long)


def test_nothing_is_left_to_do_in_the_code() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|NotImplemented" + r"Error)\b")
    assert [str(path) for path in files() if path.suffix == ".py" and marks.search(path.read_text("utf-8"))] == []


def test_every_dependency_has_an_exact_version_and_a_reason() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            if not line.startswith(("#", "-r ")):
                assert re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.]+ +# .+", line), line


def test_nothing_depends_on_the_machine_it_was_written_on() -> None:
    """No package index is named (pip's own configuration names it) and no path of somebody's machine."""
    names = "|".join(
        ["--index" + "-url", "--extra-index" + "-url", "py" + "pi", "/ho" + "me/", "/ro" + "ot/", "/wo" + "rk/"]
    )
    found = re.compile(names)
    for path in files():
        if path.suffix in TEXTS or path.name in ("Makefile", "run"):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert [line for line in lines if found.search(line)] == [], path
