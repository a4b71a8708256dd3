"""Translation by a chat model: see prompted.py."""

from playground.heads.chat_tasks import ChatTask
from playground.heads.prompted import AskedText

HEAD = ChatTask("chat_translation", AskedText("translation", "translation", "translation_text"))
