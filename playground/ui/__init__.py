"""The browser's side: pages, endpoints and guards around the services. Only this package imports gradio."""

from __future__ import annotations

import playground.ui.environment  # noqa: F401  (before gradio: it reads the environment while it is imported)
