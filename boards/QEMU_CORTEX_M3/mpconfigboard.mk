# QEMU's MPS2 AN385, a Cortex-M3, with the same memory as the RV32 board. Paths are relative to
# upstream's ports/qemu, where make runs.
include boards/MPS2_AN385/mpconfigboard.mk

MICROPY_HEAP_SIZE = 163840
FROZEN_MANIFEST ?= $(BOARD_DIR)/manifest.py

# The test of every architecture's native module compiles this board for other cores.
ifdef CORE_FLAGS
cflags_without_core := $(filter-out -mcpu=% -mfloat-abi=%,$(CFLAGS))
CFLAGS = $(cflags_without_core) $(CORE_FLAGS)
endif
