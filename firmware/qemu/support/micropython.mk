# What upstream's qemu port lacks as a board: a clock, a stdin that can be polled, Ctrl-C, idling, a
# random source, a file system that outlives it, a reset and a watchdog. Its Makefile takes this as a user
# C module; the configuration header comes along.
MPSEQ_BOARD_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(addprefix $(MPSEQ_BOARD_DIR)/,disk.c main.c)
SRC_USERMOD_LIB_C += $(addprefix $(MPSEQ_BOARD_DIR)/,aes.c board.c random.c)

# For extmod.mk, which comes later.
MICROPY_VFS_LFS2 = 1
SRC_THIRDPARTY_C += shared/timeutils/timeutils.c

ifeq ($(wildcard $(MBEDTLS_DIR)/library/aes.c),)
$(error MBEDTLS_DIR must be the folder of Mbed TLS 3.6 (make deps fetches it))
endif
# Only there: elsewhere it would stand for the whole of Mbed TLS.
$(BUILD)/extmod/modcryptolib.o: CFLAGS += -DMICROPY_SSL_MBEDTLS=1

CFLAGS_USERMOD += -I$(MBEDTLS_DIR) -I$(MBEDTLS_DIR)/include -DMBEDTLS_CONFIG_FILE='<mbedtls_config.h>'
CFLAGS_USERMOD += -I$(MPSEQ_BOARD_DIR) -DMP_CONFIGFILE='<mpconfigqemu.h>'
LDFLAGS_USERMOD += -Wl,--wrap=mp_hal_stdio_poll -Wl,--wrap=mp_hal_stdin_rx_chr -Wl,--wrap=uart_init -Wl,--wrap=main

# Names are looked for again in all files when the configuration changes.
QSTR_GLOBAL_DEPENDENCIES += $(wildcard $(MPSEQ_BOARD_DIR)/*.h)

# Beside the port's own linker script.
LDFLAGS_USERMOD += -Wl,-T,$(MPSEQ_BOARD_DIR)/$(if $(filter arm,$(QEMU_ARCH)),arm,rv32).ld
