"""Question answering by a chat model: see prompted.py."""

from playground.heads.chat_tasks import ChatTask
from playground.heads.prompted import AskedAnswer

HEAD = ChatTask("chat_answer", AskedAnswer("qa"))
