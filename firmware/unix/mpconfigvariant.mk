# The standard variant without btree, whose library Debian's sources leave out, and with mpseq inside.
FROZEN_MANIFEST ?= $(VARIANT_DIR)/manifest.py
PROG ?= mpseq-micropython

MICROPY_PY_BTREE = 0
