"""``python -m weft_server.cli`` is ``weft``."""

from weft_server.cli import main

main()
