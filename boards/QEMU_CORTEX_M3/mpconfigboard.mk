# QEMU's MPS2 AN385, a Cortex-M3, with the same memory as the RV32 board. Paths are relative to
# upstream's ports/qemu, where make runs.
include boards/MPS2_AN385/mpconfigboard.mk

MICROPY_HEAP_SIZE = 163840
FROZEN_MANIFEST ?= $(BOARD_DIR)/manifest.py
