"""The playground as a Hugging Face Space: its files, put there through the Hub's own uploader.

A plain git push would not do: the Hub takes binary files, such as the starters' weights, only through LFS or Xet.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from playground.errors import PlaygroundError
from playground.models import hub
from playground.settings import settings

ROOT = Path(__file__).resolve().parents[2]
PUT = ["app.py", "requirements.txt", "README*.md", "LICENSE", "playground/*", "examples/*", "docs/*"]
LEFT = ["*__pycache__*", "*.pyc", "*/.*", ".*"]
"""fnmatch's *, as the uploader's, crosses folders."""


@dataclass(frozen=True)
class Published:
    """Where a Space is, and the commit it was put there with."""

    space: str
    url: str
    commit: str


def files() -> list[Path]:
    """What a Space is made of, sorted. Only the folders of PUT are walked: an environment beside them is large."""
    tops = [top for form in PUT for top in ROOT.glob(form.partition("/")[0])]
    found = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file()]
    names = {path: path.relative_to(ROOT).as_posix() for path in found}
    return sorted(path for path, name in names.items() if not any(fnmatch(name, form) for form in LEFT))


def publish(space: str, *, private: bool = False) -> Published:
    """Create the Space where there is none yet and make its files those of this folder. Raises PlaygroundError.

    `space` is owner/name, or a name of whose token it is. The Space builds and starts by itself.
    """
    from huggingface_hub import HfApi, constants, get_token

    token = settings().hf_token.get_secret_value() or get_token()
    if not token:
        raise PlaygroundError("no_hub_token")
    api = HfApi(endpoint=constants.ENDPOINT, token=token)
    with hub.publishing(space):
        made = api.create_repo(space, repo_type="space", space_sdk="gradio", private=private or None, exist_ok=True)
        commit = api.upload_folder(
            repo_id=made.repo_id, repo_type="space", folder_path=ROOT, allow_patterns=PUT, ignore_patterns=list(LEFT),
            delete_patterns="*", commit_message="The NLP playground",
        )  # fmt: skip
    return Published(made.repo_id, str(made), commit.oid)
