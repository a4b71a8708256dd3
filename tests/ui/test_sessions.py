"""A visitor's session is made in a moment, and is Gradio's in all that the page uses."""

from __future__ import annotations

import time

from gradio.state_holder import SessionState, StateHolder

from playground.ui.page import build
from playground.ui.sessions import Sessions


def test_a_session_describes_no_block_before_its_value_changes() -> None:
    blocks = build()
    usual, ours = StateHolder(), Sessions()
    for holder in (usual, ours):
        holder.set_blocks(blocks)
    seconds = []
    for holder in (usual, ours):
        began = time.monotonic()
        made = holder["visitor"]
        seconds.append(time.monotonic() - began)
        assert isinstance(made, SessionState) and holder["visitor"] is made
        assert made.blocks_config.blocks.keys() == blocks.default_config.blocks.keys()
    assert seconds[1] < seconds[0] / 10
    known, own = usual["visitor"], ours["visitor"]
    some = next(key for key, block in blocks.blocks.items() if type(block).__name__ == "Textbox")
    assert some in known.config_values and own.config_values == {}
    for session in (known, own):
        session._update_value_in_config(some, "typed")
    assert own.config_values == {some: known.config_values[some]}
