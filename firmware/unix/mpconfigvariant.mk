# The standard variant without btree, whose library Debian's sources leave out, and with mpseq inside.
FROZEN_MANIFEST ?= $(VARIANT_DIR)/manifest.py
PROG ?= mpseq-micropython

MICROPY_PY_BTREE = 0

# Else the dynamic linker saves the processor's registers on the stack at the first call of a library's
# function, with what was copied through them last: a secret, maybe.
LDFLAGS_EXTRA += -Wl,-z,now
