"""The environment that Gradio sees: nothing in it may switch a feature on.

Import this before gradio, which reads some variables while it is imported.
"""

from __future__ import annotations

import os

from playground.settings import settings

LOOPBACK = "127.0.0.1,localhost,::1"


def prepare() -> None:
    """Drop every GRADIO_* variable; keep uploads in our own folder, loopback out of proxies, telemetry off."""
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ["GRADIO_TEMP_DIR"] = str(settings().uploads_dir / "web")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if "SPACE_ID" in os.environ:
        # By this Gradio tells a Space, whose code it would then reload while it is being served.
        os.environ.pop("SYSTEM", None)
        # Nothing is written outside the data folder there, also not by libraries.
        os.environ.setdefault("HF_HOME", str(settings().home / "huggingface"))
        os.environ.setdefault("XDG_CACHE_HOME", str(settings().home / "cache"))
    for name in ("NO_PROXY", "no_proxy"):
        # Gradio asks its own server whether it is up, and would ask a proxy for 127.0.0.1.
        os.environ[name] = ",".join(part for part in (os.environ.get(name, ""), LOOPBACK) if part)


prepare()
