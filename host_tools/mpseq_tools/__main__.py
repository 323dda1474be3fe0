"""`python -m mpseq_tools`: the same as the `mpseq` program."""

from mpseq_tools.cli import main

main()
