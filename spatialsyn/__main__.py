"""`python -m spatialsyn` is the command line."""

from spatialsyn.cli import main

main()
