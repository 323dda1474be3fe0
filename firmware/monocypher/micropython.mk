# The module linked into a firmware: make USER_C_MODULES=…/firmware MONOCYPHER_DIR=…
MONOCYPHER_MOD_DIR := $(USERMOD_DIR)

ifeq ($(wildcard $(MONOCYPHER_DIR)/monocypher.c),)
$(error MONOCYPHER_DIR must be the folder of Monocypher's monocypher.c and .h (make deps fetches them))
endif

SRC_USERMOD_C += $(MONOCYPHER_MOD_DIR)/binding.c
CFLAGS_USERMOD += -I$(MONOCYPHER_DIR)
