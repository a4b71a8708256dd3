"""Tokens back to text, one by one as they come."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

CONTEXT = 6
"""Tokens before the first new one that are decoded along: by them a tokenizer knows whether a blank belongs there."""
HALF = "\ufffd"
"""What a decoder gives for bytes that are no whole character yet."""


class Detokenizer:
    """The text of tokens that follow a prompt: blanks exactly as they are, and never half a character.

    What a token adds is the difference that it makes to the text of those before it, because a tokenizer may give
    a token another text at the beginning. Only the last few are decoded each time.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int]) -> None:
        self.tokenizer = tokenizer
        self.text = ""
        self._ids = list(prompt[-CONTEXT:])
        self._from, self._read = 0, len(self._ids)

    def add(self, token: int) -> None:
        self._ids.append(token)
        found = self._difference(self._ids)
        if found and not found.endswith(HALF):
            self.text += found
            self._from, self._read = self._read, len(self._ids)

    def shown(self, token: int) -> str:
        """What a token that could come next would add; its own name where that is no whole character, or nothing."""
        found = self._difference([*self._ids, token])
        return found if found and HALF not in found else str(self.tokenizer.convert_ids_to_tokens(token))

    def _difference(self, ids: Sequence[int]) -> str:
        before = self._decoded(ids[self._from : self._read])
        return self._decoded(ids[self._from :]).removeprefix(before)

    def _decoded(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
