"""The emulated RV32IMC board: no pins. It takes part in the conversation of its settings."""

from mpseq_board.node import run

run()
