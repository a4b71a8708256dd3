"""Every setting, typed, from PLAYGROUND_* environment variables."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from playground.errors import PlaygroundError, first_fault
from playground.runs import TRASH

LEFT_FREE = 2**30


class Endpoint(BaseModel):
    """A server that speaks OpenAI's chat API, or a provider of the Hub's: one of the two is named."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field("", max_length=500, pattern=r"^(https?://[^\s]+)?$", description="Address, to the part /v1.")
    provider: str = Field("", max_length=40, pattern=r"^[a-z0-9-]*$", description="A provider, for example together.")
    model: str = Field("", max_length=200, description="What the server calls the model.")
    key: SecretStr = Field(SecretStr(""), description="Its key, where it wants one.")
    at_once: int = Field(4, ge=1, le=64, description="Requests at a time.")

    @field_validator("key", mode="before")
    @classmethod
    def _fit_for_a_header(cls, key: object) -> object:
        """Without blanks around it. What no header may hold would be told as an error's text, so it is refused here."""
        text = key.get_secret_value() if isinstance(key, SecretStr) else key
        if not isinstance(text, str):
            return key
        text = text.strip()
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise PydanticCustomError("signs", "characters that no header holds")
        return SecretStr(text)

    @field_validator("url")
    @classmethod
    def _with_its_parts(cls, url: str) -> str:
        """One whose parts can be told apart: what is not told from the address of a machine may be a password."""
        if urlsplit(url).port == 0:  # raises ValueError for what is no number
            raise ValueError("no port")
        return url

    @model_validator(mode="after")
    def _one_of_two(self) -> Endpoint:
        if bool(self.url) == bool(self.provider):
            raise ValueError("either url or provider is needed")
        return self


class Settings(BaseSettings):
    """What can be set from outside. A name here is PLAYGROUND_<NAME> in the environment."""

    model_config = SettingsConfigDict(env_prefix="PLAYGROUND_")

    home: Path = Field(Path.home() / ".nlp-playground", description="Where runs and uploads are kept.")
    host: str = Field("127.0.0.1", description="Address to listen on; others than this machine's own make it public.")
    port: int = Field(7860, ge=1, le=65535, description="First port to try; a taken one moves to the next free one.")
    lang: str = Field("auto", pattern="^(auto|en|zh)$", description="Language of the page: auto, en or zh.")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$", description="Where models run.")
    model_memory_gb: float = Field(0, ge=0, description="Memory for loaded models in GB; 0 is half of what is free.")
    max_upload_mb: int = Field(50, ge=1, description="Largest dataset file that is read, in MB.")
    max_document_mb: int = Field(1, ge=1, le=50, description="Largest document that is asked, in MB.")
    max_rows: int = Field(200_000, ge=1, description="Most rows of a dataset.")
    read_memory_mb: int = Field(1024, ge=256, description="Memory limit of the process that reads an upload, in MB.")
    read_seconds: int = Field(60, ge=1, description="Time limit of the process that reads an upload, in seconds.")

    public: bool = Field(
        False, description="Several visitors who do not know each other; on in a Space, and with --host or --share."
    )
    hosts: str = Field("", description="Names, with commas between, that the server answers to besides addresses.")
    owner_calls: int = Field(4, ge=1, description="Predictions of one visitor at a time, where there are several.")
    owner_runs: int = Field(2, ge=1, description="Unfinished fine-tunes of one visitor, where there are several.")
    owner_mb: int = Field(500, ge=1, description="What one visitor may keep, in MB, where there are several.")
    evaluate_seconds: int = Field(
        600,
        ge=1,
        description="Longest that scoring a file may take, in seconds, where there are several visitors.",
    )

    hf_token: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("PLAYGROUND_HF_TOKEN", "HF_TOKEN"),
        description="Token of the Hugging Face Hub, for gated models and for publishing.",
    )
    endpoints: dict[str, Endpoint] = Field(
        {}, description='Models that run elsewhere, as JSON: {"NAME": {"url": …, "model": …, "key": …, "at_once": 4}}.'
    )
    load_seconds: int = Field(300, ge=1, description="Longest that a model may take to load, in seconds.")
    generate_seconds: int = Field(60, ge=1, description="Longest that one text may take to be written, in seconds.")

    @model_validator(mode="after")
    def _in_a_space(self) -> Settings:
        if os.environ.get("SPACE_ID"):
            self.public = True
            if "host" not in self.model_fields_set:  # a Space is asked from outside its machine
                self.host = "0.0.0.0"
        return self

    @property
    def left_free(self) -> int:
        """Bytes of a disk that what visitors bring may not fill: runs write their checkpoints there."""
        return LEFT_FREE if self.public else 0

    @property
    def runs_dir(self) -> Path:
        return self.home / "runs"

    @property
    def trash_dir(self) -> Path:
        return self.home / TRASH

    @property
    def batches_dir(self) -> Path:
        return self.home / "batches"

    @property
    def dry_dir(self) -> Path:
        """Of dry runs, which leave nothing."""
        return self.home / "dry"

    @property
    def uploads_dir(self) -> Path:
        return self.home / "uploads"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once. A value that cannot be used is a PlaygroundError."""
    try:
        return Settings()
    except SettingsError as error:  # no JSON
        raise PlaygroundError("bad_setting", name="PLAYGROUND_ENDPOINTS", value="", reason=str(error)[:200]) from None
    except ValidationError as error:
        where, value, why = first_fault(error)
        value = "…" if where.startswith("endpoints") else value  # it may hold a key
        name = f"PLAYGROUND_{where.upper()}"
        raise PlaygroundError("bad_setting", name=name, value=str(value)[:80], reason=why) from None
