"""Classification by a chat model: see prompted.py."""

from playground.heads.chat_tasks import ChatTask
from playground.heads.prompted import AskedLabel

HEAD = ChatTask("chat_label", AskedLabel("classification"))
