"""The entry point on a laptop: `python app.py`, then open the address it prints."""

import argparse
import sys

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, terminal_language, translate
from playground.settings import settings


def main(lang: str = "auto") -> None:
    """Serve until interrupted; exit 1 with one sentence where that is not possible."""
    try:
        parser = argparse.ArgumentParser(prog="app.py", description="The NLP playground")
        parser.add_argument("--host", default=settings().host, help="loopback address to listen on (%(default)s)")
        parser.add_argument("--port", default=settings().port, type=int, help="first port to try (%(default)s)")
        parser.add_argument(
            "--lang", default=settings().lang, choices=("auto", *LANGUAGES), help="language of the page"
        )
        options = parser.parse_args()
        lang = options.lang
        from playground.ui.guard import check_host

        check_host(options.host)
        from playground.ui.server import serve  # imports gradio, which takes seconds: a wrong option need not wait

        serve(options.host, options.port, lang)
    except PlaygroundError as error:
        words = terminal_language(lang)
        sys.exit(translate(words, "app.refused", text=error.text(words)))


if __name__ == "__main__":
    main()
