# QEMU's RV32 "virt" machine with the memory of an ESP32-C3 whose Wi-Fi is up. Paths are relative to
# upstream's ports/qemu, where make runs.
include boards/VIRT_RV32/mpconfigboard.mk

MICROPY_HEAP_SIZE = 163840
FROZEN_MANIFEST ?= $(BOARD_DIR)/manifest.py

# With newer ISA specifications gcc 12 wants "_zicsr" in the name of the architecture, finds no library
# of that name and links the 64-bit one.
RV32_ARCH = rv32imac
old_isa = $(shell $(1) -misa-spec=2.2 $(2) /dev/null -o /dev/null 2>/dev/null && echo -misa-spec=2.2)
CFLAGS_EXTRA += $(call old_isa,riscv64-unknown-elf-gcc,-x c -c)
AS = riscv64-unknown-elf-as $(call old_isa,riscv64-unknown-elf-as,)
