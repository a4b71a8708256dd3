"""Which models there are, where their files lie, on what they run, and how long they stay in memory."""
