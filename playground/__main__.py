"""`python -m playground WORD …`: the services under the same names as in the page."""

import sys

from playground.cli import main

if __name__ == "__main__":
    sys.exit(main())
