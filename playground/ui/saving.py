"""A text that becomes a file in the browser: nothing of it is written on the server."""

from __future__ import annotations


def save_as(name: str) -> str:
    """JavaScript that saves the text it is given as a JSON file of that name."""
    return f"""(text) => {{
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {{ type: "application/json" }}));
  link.download = "{name}";
  link.click();
  URL.revokeObjectURL(link.href);
}}"""
