"""Ask a document, or search it: passages by their embeddings, answers from the best of them.

A document is kept in memory under its owner and the hash of its content, with the embeddings of its
passages for each base that was asked. N passages, D the base's width.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from playground.data.documents import Document, Passage, pasted, read_document
from playground.errors import PlaygroundError
from playground.fields import FoundAnswer
from playground.models.resolve import CHATS, Resolved, head_for, resolve, resolve_base
from playground.services import limits
from playground.services.predict import checked_params, predictions
from playground.tasks.qa import TASK

if TYPE_CHECKING:
    import numpy as np

    from playground.heads.base import Prediction

MOST_DOCUMENTS = 20
MOST_BYTES = 200 * 2**20
PASSAGES_AT_ONCE = 6
"""Passages embedded between two looks at whether anybody still waits: a third of a second. So many stay within
the trunk's ONE_THREAD_TOKENS, where indexing beside a training run took 16 s and on two threads 24 s."""
PASSAGE_TOKENS = 256
QUESTION = TASK.inputs[0]
TOP_K = 5


class Found(TypedDict):
    """A passage: text == document[start:end]; `score` is the cosine with the query. `page` only of a PDF."""

    text: str
    start: int
    end: int
    score: float
    page: NotRequired[int]


class FoundInDocument(TypedDict):
    """An answer: answer == document[start:end]. `score` is the model's times the passage's."""

    answer: str
    score: float
    start: int
    end: int
    passage: Found
    page: NotRequired[int]


@dataclass
class Kept:
    """A document and, by the folder of a base, the embeddings of its passages: float32 [N, D], each of length 1."""

    document: Document
    embeddings: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return 4 * len(self.document.text) + sum(found.nbytes for found in self.embeddings.values())


class Shelf:
    """The documents in memory, by owner and id; the least recently used leave first."""

    def __init__(self, most: int = MOST_DOCUMENTS, most_bytes: int = MOST_BYTES) -> None:
        self.most = most
        self.most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, owner: str, document: Document) -> None:
        with self._lock:
            self._kept.setdefault((owner, document.id), Kept(document))
            self._kept.move_to_end((owner, document.id))
            self._make_room()

    def get(self, owner: str, document_id: str) -> Kept:
        """The owner's document of that id; for any other the same PlaygroundError as for none."""
        with self._lock:
            if (owner, document_id) not in self._kept:
                raise PlaygroundError("unknown_document", most=self.most)
            self._kept.move_to_end((owner, document_id))
            return self._kept[owner, document_id]

    def add(self, kept: Kept, base: str, embeddings: np.ndarray) -> None:
        with self._lock:
            kept.embeddings[base] = embeddings
            self._make_room()

    def _make_room(self) -> None:
        """The newest stays in any case."""
        while len(self._kept) > 1:
            total = sum(kept.bytes for kept in self._kept.values())
            if len(self._kept) <= self.most and total <= self.most_bytes:
                return
            self._kept.popitem(last=False)


@lru_cache(maxsize=1)
def shelf() -> Shelf:
    """The shelf of this process."""
    return Shelf()


def open_file(path: Path, owner: str = "local") -> str:
    """Read a txt, md or pdf file, in a child with limits: its document id. Raises PlaygroundError."""
    document = read_document(path)
    shelf().put(owner, document)
    return document.id


def open_text(text: str, owner: str = "local") -> str:
    """The document id of a pasted text. Raises PlaygroundError."""
    document = pasted(text)
    shelf().put(owner, document)
    return document.id


def known(document_id: str, owner: str = "local") -> str:
    """The id again, where the owner has that document. Raises PlaygroundError."""
    if not document_id:
        raise PlaygroundError("no_document")
    return shelf().get(owner, document_id).document.id


def describe(document_id: str, owner: str = "local") -> tuple[str, int]:
    """(name, number of passages); a pasted text has the name ""."""
    document = shelf().get(owner, document_id).document
    return document.name, len(document.passages)


def document_text(document_id: str, owner: str = "local") -> str:
    """The text that all places are counted in."""
    return shelf().get(owner, document_id).document.text


def index(document_id: str, model: str = "", owner: str = "local") -> Iterator[tuple[int, int]]:
    """Embed the passages for a question answering model's base: (done, N) after each part, nothing if it is done.

    Closing the iterator stops the work and leaves nothing half done.
    """
    import numpy as np

    from playground.heads.embedding import embed
    from playground.heads.loading import lease_trunk

    kept, base = shelf().get(owner, document_id), base_of(model, owner)
    if str(base.folder) in kept.embeddings:
        return
    document = kept.document
    texts = [document.text[passage.start : passage.end] for passage in document.passages]
    yield 0, len(texts)
    parts = []
    with limits.turn(owner), lease_trunk(base) as trunk:
        for start in range(0, len(texts), PASSAGES_AT_ONCE):
            parts.append(embed(trunk, texts[start : start + PASSAGES_AT_ONCE], PASSAGE_TOKENS))
            yield min(start + PASSAGES_AT_ONCE, len(texts)), len(texts)
    shelf().add(kept, str(base.folder), np.concatenate(parts))


def find_passages(
    document_id: str, query: str, top_k: int = TOP_K, owner: str = "local", model: str = ""
) -> list[Found]:
    """The `top_k` passages nearest to the query, best first. Raises PlaygroundError.

    The document is indexed first if that was not done for this model's base.
    """
    query, top_k = asked(query, top_k)
    kept, base = _indexed(document_id, model, owner), base_of(model, owner)
    return [_found(kept.document, passage, score) for passage, score in _nearest(kept, query, top_k, base)]


def ask(
    document_id: str, question: str, model: str = "", top_k: int = TOP_K, owner: str = "local"
) -> list[FoundInDocument]:
    """Answers from the `top_k` nearest passages, best first; [] where none of them tells. Raises PlaygroundError."""
    question, top_k = asked(question, top_k)
    kept = _indexed(document_id, model, owner)
    passages = find_passages(document_id, question, top_k, owner, model)
    rows = [{"question": question, "context": passage["text"]} for passage in passages]
    outputs = predictions(TASK, rows, model=model, params=TASK.params(), owner=owner)
    answers = [
        _placed(kept.document, passage, found.output)
        for passage, found in zip(passages, outputs, strict=True)
        if found.output["answer"] and found.output["end"]  # words of its own stand nowhere
    ]
    if not answers:
        _check_silent(outputs)
    return _apart(sorted(answers, key=lambda answer: -answer["score"]))


def _check_silent(outputs: Sequence[Prediction]) -> None:
    """Raise PlaygroundError where something was said of the passages, none of it in their words."""
    own = next((found.output["answer"] for found in outputs if found.output["answer"]), "")
    if own:
        raise PlaygroundError("answer_not_in_document", said=own)
    unusable = next(filter(None, (found.unusable for found in outputs)), None)
    if unusable:
        raise unusable


def base_of(model: str, owner: str = "local") -> Resolved:
    """The base that a model shares, whose trunk it stands on; the task's own where the model is a whole one."""
    resolved = resolve(model, owner) if model else None
    # What writes has no embeddings of passages, and what runs elsewhere no base.
    if resolved is None or not resolved.base or head_for(TASK.heads, resolved) in CHATS:
        return resolve(TASK.bases[0])
    return resolve_base(resolved.base, resolved.revision)


def asked(text: str, top_k: int) -> tuple[str, int]:
    """Question and number of passages, checked as those of the task are: before a document is read, if possible."""
    knobs = checked_params(TASK, {"top_k": top_k})
    return QUESTION.parse(text), int(knobs.model_dump()["top_k"])


def _indexed(document_id: str, model: str, owner: str) -> Kept:
    """The document, with the embeddings of its passages for the model's base."""
    for _ in index(document_id, model, owner):
        continue
    return shelf().get(owner, document_id)


def _nearest(kept: Kept, query: str, top_k: int, base: Resolved) -> list[tuple[Passage, float]]:
    """(passage, cosine) of the nearest, best first."""
    from playground.heads.embedding import embed
    from playground.heads.loading import lease_trunk

    with lease_trunk(base) as trunk:
        wanted = embed(trunk, [query], PASSAGE_TOKENS)[0]
    cosines = kept.embeddings[str(base.folder)] @ wanted
    order = (-cosines).argsort(kind="stable")[:top_k]
    return [(kept.document.passages[place], float(cosines[place])) for place in order]


def _found(document: Document, passage: Passage, score: float) -> Found:
    found: Found = {
        "text": document.text[passage.start : passage.end],
        "start": passage.start,
        "end": passage.end,
        "score": score,
    }
    page = document.page(passage.start)
    return found if page is None else {**found, "page": page}


def _placed(document: Document, passage: Found, found: FoundAnswer) -> FoundInDocument:
    """An answer of a passage, at its place in the document."""
    start = passage["start"] + found["start"]
    answer: FoundInDocument = {
        "answer": found["answer"],
        "score": found["score"] * max(passage["score"], 0.0),
        "start": start,
        "end": start + len(found["answer"]),
        "passage": passage,
    }
    page = document.page(start)
    return answer if page is None else {**answer, "page": page}


def _apart(answers: list[FoundInDocument]) -> list[FoundInDocument]:
    """Passages overlap, so an answer may be found twice: of those that share a place the best stays."""
    kept: list[FoundInDocument] = []
    for answer in answers:
        if all(answer["end"] <= other["start"] or answer["start"] >= other["end"] for other in kept):
            kept.append(answer)
    return kept
