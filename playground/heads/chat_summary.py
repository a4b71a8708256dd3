"""Summarization by a chat model: see prompted.py."""

from playground.heads.chat_tasks import ChatTask
from playground.heads.prompted import AskedText

HEAD = ChatTask("chat_summary", AskedText("summarization", "summary", "summary_text"))
