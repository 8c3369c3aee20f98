"""`python -m hnas`."""

from hnas.cli.main import main

main()
