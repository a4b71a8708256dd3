"""The entry point on a laptop: `python app.py`, then open the address it prints."""

import sys

from playground.arguments import app_parser, wished_language
from playground.errors import PlaygroundError
from playground.i18n import terminal_language, translate


def main() -> None:
    """Serve until interrupted; exit 1 with one sentence where that is not possible."""
    lang = wished_language(sys.argv[1:])
    try:
        options = app_parser(lang).parse_args()
        lang = terminal_language(options.lang)
        from playground.ui.server import serve  # imports gradio, which takes seconds: a wrong option need not wait

        serve(options.host, options.port, options.lang, options.share)
    except PlaygroundError as error:
        sys.exit(translate(lang, "app.refused", text=error.text(lang)))


if __name__ == "__main__":
    main()
