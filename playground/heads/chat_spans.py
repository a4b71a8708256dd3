"""Named entities by a chat model: see prompted.py."""

from playground.heads.chat_tasks import ChatTask
from playground.heads.prompted import AskedSpans

HEAD = ChatTask("chat_spans", AskedSpans("ner"))
