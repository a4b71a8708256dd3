"""Imports point down only; heavy libraries stay where they belong."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "playground"
LEAVES = {"arguments", "errors", "fields", "languages", "settings", "runs", "i18n", "data"}
ORDER = ["models", "heads", "tasks", "services", "training", "ui"]
ABOVE_ALL = {"__init__", "__main__", "cli", "starters"}
LEVELS = [LEAVES, *({name} for name in ORDER), ABOVE_ALL]
LAYER = {name: number for number, level in enumerate(LEVELS) for name in level}
TORCH = {"models", "heads", "training"}


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """(module, line) of every import of a file, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            module = str(node.module)
            yield module, node.lineno
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path


def test_every_module_has_a_layer() -> None:
    assert {name for name, _ in modules()} <= set(LAYER)


def test_imports_point_down_only() -> None:
    wrong = []
    for here, path in modules():
        for module, line in imported(path):
            parts = module.split(".")
            if parts[0] != "playground" or len(parts) < 2 or parts[1] not in LAYER:
                continue
            upwards = LAYER[parts[1]] > LAYER[here]
            if upwards or (parts[1] == "training" and here != "training"):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {here} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_heavy_libraries_stay_where_they_belong() -> None:
    wrong = []
    for here, path in modules():
        for module, line in imported(path):
            library = module.split(".")[0]
            if (library == "gradio" and here != "ui") or (library == "torch" and here not in TORCH):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {here} imports {library}")
    assert not wrong, "\n".join(wrong)


def test_the_tasks_load_neither_gradio_nor_torch() -> None:
    code = "import playground.tasks, sys; print(sorted({'torch', 'gradio', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
