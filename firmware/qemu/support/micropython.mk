# What upstream's qemu port lacks as a board: a clock, a stdin that can be polled, Ctrl-C, idling and
# a random source. Its Makefile takes this as a user C module; the configuration header comes along.
MPSEQ_BOARD_DIR := $(USERMOD_DIR)

SRC_USERMOD_LIB_C += $(MPSEQ_BOARD_DIR)/board.c $(MPSEQ_BOARD_DIR)/random.c

CFLAGS_USERMOD += -I$(MPSEQ_BOARD_DIR) -DMP_CONFIGFILE='<mpconfigqemu.h>'
LDFLAGS_USERMOD += -Wl,--wrap=mp_hal_stdio_poll -Wl,--wrap=mp_hal_stdin_rx_chr -Wl,--wrap=uart_init
