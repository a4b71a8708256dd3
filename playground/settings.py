"""Every setting, typed, from PLAYGROUND_* environment variables."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from playground.errors import PlaygroundError, first_fault


class Settings(BaseSettings):
    """What can be set from outside. A name here is PLAYGROUND_<NAME> in the environment."""

    model_config = SettingsConfigDict(env_prefix="PLAYGROUND_")

    home: Path = Field(Path.home() / ".nlp-playground", description="Where runs and uploads are kept.")
    host: str = Field("127.0.0.1", description="Address to listen on; only this machine until owners exist.")
    port: int = Field(7860, ge=1, le=65535, description="First port to try; a taken one moves to the next free one.")
    lang: str = Field("auto", pattern="^(auto|en|zh)$", description="Language of the page: auto, en or zh.")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$", description="Where models run.")
    model_memory_gb: float = Field(0, ge=0, description="Memory for loaded models in GB; 0 is half of what is free.")
    max_upload_mb: int = Field(50, ge=1, description="Largest dataset file that is read, in MB.")
    max_document_mb: int = Field(1, ge=1, le=50, description="Largest document that is asked, in MB.")
    max_rows: int = Field(200_000, ge=1, description="Most rows of a dataset.")
    read_memory_mb: int = Field(1024, ge=256, description="Memory limit of the process that reads an upload, in MB.")
    read_seconds: int = Field(60, ge=1, description="Time limit of the process that reads an upload, in seconds.")

    @property
    def runs_dir(self) -> Path:
        return self.home / "runs"

    @property
    def uploads_dir(self) -> Path:
        return self.home / "uploads"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once. A value that cannot be used is a PlaygroundError."""
    try:
        return Settings()
    except ValidationError as error:
        where, value, why = first_fault(error)
        name = f"PLAYGROUND_{where.upper()}"
        raise PlaygroundError("bad_setting", name=name, value=str(value)[:80], reason=why) from error
