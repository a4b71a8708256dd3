"""Generation: what comes next in a text, or the answer in a conversation."""

from pydantic import BaseModel, Field

from playground.fields import Generated, Messages, Text
from playground.tasks.spec import Task


class Params(BaseModel, extra="forbid"):
    """Knobs of a generation."""

    max_new_tokens: int = Field(128, ge=1, le=1024, description="Most tokens that are written.")
    temperature: float = Field(0.8, ge=0, le=2, description="How much chance there is; 0 takes the likeliest token.")
    top_k: int = Field(50, ge=0, le=1000, description="Only so many of the likeliest tokens are chosen among; 0: all.")
    top_p: float = Field(0.95, gt=0, le=1, description="Only the likeliest tokens that make up this share; 1: all.")
    min_p: float = Field(0.0, ge=0, le=1, description="Only tokens at least so likely beside the likeliest; 0: all.")
    repetition_penalty: float = Field(1.0, ge=1, le=2, description="Makes what stands there already less likely.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="The same number gives the same text; 0 is another each time.")
    chat: bool = Field(True, description="Whether a model that was trained for chats answers a text, or continues it.")


TASK = Task(
    id="generation",
    inputs=(
        Text(
            name="text",
            columns=("prompt", "instruction", "question", "input", "query", "text", "提示", "指令", "问题", "输入"),
            optional=True,
            lines=6,
        ),
        Messages(
            name="messages",
            columns=("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "对话"),
            optional=True,
        ),
    ),
    output=Generated(
        name="completion",
        columns=(
            "completion",
            "response",
            "output",
            "answer",
            "target",
            "chosen",
            "text",
            "content",
            "story",
            "续写",
            "生成内容",
            "回答",
            "输出",
            "文本",
            "正文",
            "内容",
        ),
    ),
    params=Params,
    heads=("causal_lm", "seq2seq"),
    models=("starter/story-en", "starter/poem-zh"),
    bases=("scratch/gpt",),
    metrics=("perplexity", "bits_per_character"),
    baselines=("unigram",),
    one_text=True,
)
