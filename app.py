"""The entry point on a laptop: `python app.py`, then open the address it prints."""

import sys

from playground.arguments import Parser, wished_language
from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, terminal_language, translate
from playground.settings import settings


def build_parser(lang: str) -> Parser:
    """The options, their help in a language."""
    parser = Parser(lang=lang, prog="app.py", description=translate(lang, "app.about"))
    parser.add_argument("--host", default=settings().host, help=translate(lang, "app.help.host"))
    parser.add_argument("--port", default=settings().port, type=int, help=translate(lang, "app.help.port"))
    parser.add_argument(
        "--lang", default=settings().lang, choices=("auto", *LANGUAGES), help=translate(lang, "app.help.lang")
    )
    return parser


def main() -> None:
    """Serve until interrupted; exit 1 with one sentence where that is not possible."""
    lang = wished_language(sys.argv[1:])
    try:
        options = build_parser(lang).parse_args()
        lang = terminal_language(options.lang)
        from playground.ui.guard import check_host

        check_host(options.host)
        from playground.ui.server import serve  # imports gradio, which takes seconds: a wrong option need not wait

        serve(options.host, options.port, options.lang)
    except PlaygroundError as error:
        sys.exit(translate(lang, "app.refused", text=error.text(lang)))


if __name__ == "__main__":
    main()
