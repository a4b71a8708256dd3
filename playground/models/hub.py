"""The Hugging Face Hub: what a model or a dataset is before it is downloaded, its download, and a search by task.

A dataset is called `datasets/owner/name`, as in its address there; `datasets/owner/name:part` names one of its parts.

HF_ENDPOINT (a mirror), HF_HUB_CACHE and HF_HUB_OFFLINE are huggingface_hub's own and hold here.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from playground.errors import PlaygroundError
from playground.models import hub_data
from playground.models.catalog import catalog
from playground.settings import settings

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import DatasetInfo, ModelInfo

TAKEN = ["*.json", "*.safetensors", "*.model", "*.spm", "*.txt", "*.jinja"]
LEFT = ["*/*", "consolidated*"]
"""Folders hold other formats (onnx, openvino), and Mistral's consolidated files the same weights once more."""
DATASETS = "datasets/"
CONVERTED = "refs/convert/parquet"
"""The branch where the Hub keeps the rows of most datasets as parquet, whatever its owner put up."""
OWN_CODE = "custom_code"
"""The Hub's tag of a model that brings code, which is not run here."""
ASK_SECONDS = 15.0
REACH_SECONDS = 3.0
KNOWN = "sentence-transformers/all-MiniLM-L6-v2"
CHUNK_BYTES = 2**18
"""Between two looks at whether a download is still wanted; huggingface_hub's own are 10 MB, minutes of a slow line."""
FILES_AT_ONCE = 4
STALE_SECONDS = 24 * 3600.0
SEARCH_LIMIT = 20
SHOWN_PARTS = 20


@dataclass(frozen=True)
class Offer:
    """A model or a dataset of the Hub as it is told before anything of it is downloaded.

    revision    full commit that the Hub answers with now
    files       name -> bytes, of what would be downloaded
    licence     as its card says, "" where that does not tell
    parameters  their number, 0 where the Hub does not tell
    gated       whether its owner must agree first
    own_code    whether it brings code, which is not run here: it may not load
    part        of a dataset: which of its parts the files are; others: the names of the rest
    """

    id: str
    revision: str
    files: dict[str, int]
    licence: str = ""
    parameters: int = 0
    gated: bool = False
    own_code: bool = False
    part: str = ""
    others: tuple[str, ...] = ()

    @property
    def is_dataset(self) -> bool:
        return self.id.startswith(DATASETS)

    @property
    def bytes(self) -> int:
        return sum(self.files.values())


@dataclass(frozen=True)
class Found:
    """A line of a search. `downloads` of the last month; 0 and "" where the Hub does not tell."""

    id: str
    licence: str
    languages: tuple[str, ...]
    parameters: int
    downloads: int


def offer(model_id: str) -> Offer:
    """Ask the Hub what `owner/name`, `owner/name@revision` or a dataset is. Raises PlaygroundError.

    What has no safetensors weights, or no rows that are read here, is refused before a byte of it is downloaded.
    """
    if model_id.startswith(DATASETS):
        return _dataset_offer(model_id)
    name, revision = version(model_id)
    with _asking(model_id):
        info = api().model_info(name, revision=revision, files_metadata=True, timeout=ASK_SECONDS)
    files = {file.rfilename: file.size or 0 for file in info.siblings or () if _is_taken(file.rfilename)}
    if not any(name.endswith(".safetensors") for name in files):
        raise PlaygroundError("no_safetensors", model=model_id)
    return Offer(
        id=model_id, revision=str(info.sha), files=files, licence=_licence(info), parameters=_parameters(info),
        gated=bool(info.gated), own_code=OWN_CODE in (info.tags or ()),
    )  # fmt: skip


def _dataset_offer(asked: str) -> Offer:
    """A dataset's training rows: its own files, or else the Hub's copy of them in parquet; offline what is here."""
    wanted = repository(asked)
    for revision in [wanted.revision] if wanted.revision else [None, CONVERTED]:
        try:
            with _asking(asked):
                info = api().dataset_info(wanted.name, revision=revision, files_metadata=True, timeout=ASK_SECONDS)
        except PlaygroundError as error:
            if revision == CONVERTED and error.code == "no_such_revision":
                break
            here = _dataset_here(asked, revision) if error.code == "dataset_offline" else None
            if here is None:
                raise
            return here
        files = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        found = _part_of(asked, revision, str(info.sha), files)
        if found:
            return replace(found, licence=_licence(info), gated=bool(info.gated))
    raise PlaygroundError("no_rows_on_hub", dataset=asked)


def _part_of(asked: str, revision: str | None, commit: str, files: dict[str, int]) -> Offer | None:
    """The part that is asked for, or the usual one, of a version's files; None where none of them holds rows."""
    wanted = repository(asked)
    parts = hub_data.parts(files)
    if not parts:
        return None
    part = wanted.part or next(iter(parts))
    if part not in parts:
        raise PlaygroundError("no_such_part", dataset=asked, parts=list(parts)[:SHOWN_PARTS])
    return Offer(
        id=f"{asked}@{revision}" if revision and not wanted.revision else asked, revision=commit, files=parts[part],
        part=part, others=tuple(other for other in parts if other != part),
    )  # fmt: skip


def _dataset_here(asked: str, revision: str | None) -> Offer | None:
    """What an earlier download left of a dataset, where the Hub does not answer."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    for version in (revision, CONVERTED):
        try:
            folder = Path(
                snapshot_download(repository(asked).name, repo_type="dataset", revision=version, local_files_only=True)
            )
        except LocalEntryNotFoundError:
            continue
        files = {
            path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()
        }
        found = _part_of(asked, version, folder.name, files)
        if found:
            return found
    return None


@dataclass(frozen=True)
class Repository:
    """Where on the Hub a name leads. `part` of a dataset, "" for its first; `revision` None for the main branch."""

    kind: Literal["model", "dataset"]
    name: str
    revision: str | None
    part: str = ""


def repository(of: str) -> Repository:
    """Of `owner/name`, `owner/name@revision`, `datasets/owner/name`, `datasets/owner/name:part@revision`."""
    if not of.startswith(DATASETS):
        return Repository("model", *version(of))
    named, _, revision = of.removeprefix(DATASETS).partition("@")
    name, _, part = named.partition(":")
    return Repository("dataset", name, revision or None, part)


def version(model_id: str) -> tuple[str, str | None]:
    """(owner/name, what stands behind the @, or the catalog's version of it; None is the main branch)"""
    name, _, revision = model_id.partition("@")
    entry = catalog().get(name)
    return name, revision or (entry.wanted if entry else None)


def bytes_here(wanted: Offer) -> int:
    """How much of what was offered is on this machine already, in whole files."""
    from huggingface_hub import try_to_load_from_cache

    of = repository(wanted.id)
    paths = {
        file: try_to_load_from_cache(of.name, file, revision=wanted.revision, repo_type=of.kind)
        for file in wanted.files
    }
    return sum(wanted.files[file] for file, path in paths.items() if isinstance(path, str))


def download(wanted: Offer, told: Callable[[int], None]) -> Path:
    """Download what was offered, at that commit; the snapshot's folder. Files that are here already are kept.

    `told` gets the bytes that came since it was last called, from several threads; what it raises ends the download:
    whole files stay for the next time, parts of files go. Raises PlaygroundError.
    """
    from huggingface_hub import constants, snapshot_download

    of = repository(wanted.id)
    cache = Path(constants.HF_HUB_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    _sweep(cache)
    missing, free = wanted.bytes - bytes_here(wanted), shutil.disk_usage(cache).free
    if not missing and wanted.is_dataset:  # also where the Hub does not answer
        return _snapshot(wanted)
    if missing + settings().left_free > free:
        raise PlaygroundError("no_disk_space", model=wanted.id, needed=size(missing), free=size(free))
    _in_small_pieces()
    with _asking(wanted.id):
        found = api().resolve_revision(of.name, repo_type=of.kind, revision=of.revision)
        if found.resolved != wanted.revision:
            raise PlaygroundError("model_changed", model=wanted.id)
        folder = snapshot_download(
            of.name, repo_type=of.kind, revision=found, allow_patterns=[escape(file) for file in wanted.files],
            tqdm_class=_bar(told), token=token(), endpoint=constants.ENDPOINT, max_workers=FILES_AT_ONCE,
        )  # fmt: skip
    return Path(folder)


def _snapshot(wanted: Offer) -> Path:
    """The folder of what was downloaded whole."""
    from huggingface_hub import try_to_load_from_cache

    of, file = repository(wanted.id), next(iter(wanted.files))
    path = Path(str(try_to_load_from_cache(of.name, file, revision=wanted.revision, repo_type=of.kind)))
    return path.parents[len(Path(file).parts) - 1]


def cached(name: str, revision: str | None) -> Path | None:
    """The folder of a model that was downloaded whole; asks nobody."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            name, revision=revision, local_files_only=True, allow_patterns=TAKEN, ignore_patterns=LEFT
        )
    except LocalEntryNotFoundError:
        return None
    # Other programs leave snapshots with a configuration alone.
    return Path(folder) if any(Path(folder).glob("*.safetensors")) else None


def search(pipeline_tags: Sequence[str], words: str) -> list[Found]:
    """Models of the Hub for any of those tasks with safetensors weights, the most downloaded first."""
    found: dict[str, ModelInfo] = {}
    expand: Any = ["cardData", "tags", "downloads", "safetensors"]
    with _asking(words, "hub_offline"):
        for tag in pipeline_tags:
            models = api().list_models(
                filter=["safetensors", "transformers"], pipeline_tag=tag, search=words or None, sort="downloads",
                limit=SEARCH_LIMIT, expand=expand,
            )  # fmt: skip
            found |= {info.id: info for info in models}
    lines = [
        Found(info.id, _licence(info), _languages(info), _parameters(info), info.downloads or 0)
        for info in found.values()
    ]
    return sorted(lines, key=lambda line: -line.downloads)[:SEARCH_LIMIT]


def reachable() -> bool:
    """Whether the Hub answers now."""
    try:
        with _asking(KNOWN):
            api().model_info(KNOWN, timeout=REACH_SECONDS)
    except PlaygroundError as error:
        return error.code != "model_offline"  # a mirror may not have it, but it answers
    return True


def size(count: int) -> str:
    """Bytes as people say them: 0.4 MB, 438 MB, 3.1 GB; decimal, as the Hub and disks count."""
    if count >= 10**9:
        return f"{count / 10**9:.1f} GB"
    return f"{count / 10**6:.0f} MB" if count >= 10**7 else f"{count / 10**6:.1f} MB"


def short_count(count: int) -> str:
    """Parameters as people say them: 67 M, 1.5 B."""
    if count >= 10**9:
        return f"{count / 10**9:.1f} B"
    return f"{count / 10**6:.0f} M" if count >= 10**6 else f"{count:,}"


def api() -> HfApi:
    """huggingface_hub's client, with our token."""
    from huggingface_hub import HfApi, constants

    return HfApi(endpoint=constants.ENDPOINT, token=token())


def token() -> str | bool | None:
    """The token of the settings; None leaves it to huggingface_hub, which knows who logged in on this machine.

    False, for none at all, where others than its owner ask.
    """
    return False if settings().public else settings().hf_token.get_secret_value() or None


@contextmanager
def publishing(space: str) -> Iterator[None]:
    """As `_asking`, for what only its owner may do."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        with _asking(space):
            yield
    except PlaygroundError as error:
        if isinstance(error.__cause__, HfHubHTTPError):  # it answers, and says no
            reason = (error.__cause__.server_message or str(error.__cause__)).strip().splitlines()[0][:200]
            raise PlaygroundError("hub_refused", space=space, reason=reason) from error
        raise


@contextmanager
def _asking(model: str, offline: str = "") -> Iterator[None]:
    """What huggingface_hub raises, as a PlaygroundError; `offline` is its code where the Hub does not answer."""
    import httpx2
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
        RevisionResolutionError,
    )

    is_dataset = model.startswith(DATASETS)
    try:
        yield
    except GatedRepoError as error:
        raise PlaygroundError("model_gated", model=model) from error
    except RevisionNotFoundError as error:
        raise PlaygroundError("no_such_revision", model=model) from error
    except RepositoryNotFoundError as error:
        raise PlaygroundError("no_dataset_on_hub" if is_dataset else "not_on_hub", model=model) from error
    except HFValidationError as error:
        raise PlaygroundError("bad_dataset_id" if is_dataset else "bad_model_id", model=model[:80]) from error
    except (HfHubHTTPError, OfflineModeIsEnabled, RevisionResolutionError, httpx2.HTTPError, OSError) as error:
        code = offline or ("dataset_offline" if is_dataset else "model_offline")
        raise PlaygroundError(code, model=model) from error


def _in_small_pieces() -> None:
    """Have files come by plain HTTP in small pieces, so that progress is seen and a stop is heard.

    Xet's own downloader tells of neither until it is done; the Hub serves the same files by HTTP.
    """
    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE, constants.HF_HUB_DISABLE_XET = CHUNK_BYTES, True


def _bar(told: Callable[[int], None]) -> type:
    """A progress bar of huggingface_hub's kind that shows nothing and tells of the bytes."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            # There are three: of files, of bytes that came, and of bytes that were written.
            self.counts = options.get("name") == "huggingface_hub.snapshot_download"
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            if self.counts and n:
                told(int(n))
            return super().update(n)

    return Bar


def _is_taken(file: str) -> bool:
    return any(fnmatch(file, form) for form in TAKEN) and not any(fnmatch(file, form) for form in LEFT)


def _sweep(cache: Path) -> None:
    """Remove the halves of files that a killed process left; those of one at work are younger."""
    for path in cache.glob("*--*/blobs/*.incomplete"):
        if time.time() - path.stat().st_mtime > STALE_SECONDS:
            path.unlink(missing_ok=True)


def _licence(info: ModelInfo | DatasetInfo) -> str:
    card = info.card_data
    told = [getattr(card, "license_name", None), getattr(card, "license", None)]
    tagged = [tag.removeprefix("license:") for tag in info.tags or () if tag.startswith("license:")]
    return next((str(name)[:60] for name in (*told, *tagged) if name and name != "other"), "")


def _languages(info: ModelInfo) -> tuple[str, ...]:
    told = getattr(info.card_data, "language", None) or ()
    return tuple(str(code)[:20] for code in ([told] if isinstance(told, str) else told))


def _parameters(info: ModelInfo) -> int:
    return int(info.safetensors.total) if info.safetensors else 0
