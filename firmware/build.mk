# How MicroPython and the native module are built; a part of the Makefile at the top.

$(STAMPS)/lint-c:
	@touch $@
