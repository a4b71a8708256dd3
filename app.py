"""The entry point on a laptop: `python app.py`, then open the address it prints."""

import argparse
import sys

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES
from playground.settings import settings
from playground.ui.guard import check_host
from playground.ui.language import refusal


def main() -> None:
    """Serve until interrupted; exit 1 with one sentence where that is not possible."""
    parser = argparse.ArgumentParser(prog="app.py", description="The NLP playground")
    parser.add_argument("--host", default=settings().host, help="loopback address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=settings().port, type=int, help="first port to try (default: %(default)s)")
    parser.add_argument("--lang", default=settings().lang, choices=("auto", *LANGUAGES), help="language of the page")
    options = parser.parse_args()
    try:
        check_host(options.host)
        from playground.ui.server import serve  # imports gradio, which takes seconds: a wrong option need not wait

        serve(options.host, options.port, options.lang)
    except PlaygroundError as error:
        sys.exit(refusal(error, options.lang))


if __name__ == "__main__":
    main()
