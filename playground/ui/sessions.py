"""What the server keeps of a visitor's page, made in a moment.

Gradio describes every block of the page anew for each session, for links to a page's state that this page has not:
about 0.1 s of the event loop for each visitor and each call over HTTP, in which nobody else is answered. Here only
blocks whose value changes are described, when it does.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from gradio import Blocks
from gradio.state_holder import SessionState, StateHolder


class Sessions(StateHolder):
    """Gradio's, but that a new session begins with no description of the page."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            bare = SimpleNamespace(default_config=self.blocks.default_config, blocks={})
            self.session_data[session_id] = SessionState(cast(Any, bare))
        return super().__getitem__(session_id)


def keep_sessions(blocks: Blocks) -> None:
    """Let a launched page keep its visitors' sessions so."""
    sessions = Sessions()
    sessions.set_blocks(blocks)
    blocks.app.state_holder = sessions
