# How MicroPython and the native module are built; a part of the Makefile at the top, which makes the
# decisions (MPY_DIR, MONOCYPHER_DIR, BUILD). Upstream's makefiles do the work and know best what of
# theirs is out of date; the prerequisites here say when they are called at all.

# A list of names changes when a file goes away, which no file's date would tell.
lib_files := $(sort $(shell find lib -name '*.py'))
module_files := $(sort $(wildcard firmware/monocypher/*.*))
natmod_files := $(module_files) $(wildcard firmware/monocypher/natmod/*)
frozen_files := $(lib_files) firmware/manifest.py $(STAMPS)/names
variant_files := $(wildcard firmware/unix/*)
board_files := $(wildcard firmware/qemu/support/*) $(MBEDTLS_SOURCES)
ours := $(STAMPS)/config firmware/build.mk

$(STAMPS)/names: FORCE | $(STAMPS)
	@echo '$(lib_files) $(module_files)' | cmp -s - $@ || echo '$(lib_files) $(module_files)' > $@

# With other sources nothing that was built before holds.
$(STAMPS)/config: FORCE | $(STAMPS)
	@echo '$(MPY_DIR) $(MONOCYPHER_DIR) $(MBEDTLS_DIR)' | cmp -s - $@ || { \
		rm -rf $(addprefix $(BUILD)/,unix firmware natmod mpy-cross); echo '$(MPY_DIR) $(MONOCYPHER_DIR) $(MBEDTLS_DIR)' > $@; }

UPSTREAM := make -j$(JOBS) -C
BUILD_CURE := the last lines above say what is wrong; 'make clean' starts the build afresh

# --- mpy-cross and the choice of what is linked in -------------------------------------------------

MPY_CROSS := $(BUILD)/mpy-cross/mpy-cross

$(MPY_CROSS): $(MPY_SOURCES) $(STAMPS)/config $(STAMPS)/apt
	@$(STEP) "mpy-cross" "$(BUILD_CURE)" $(UPSTREAM) $(MPY_DIR)/mpy-cross BUILD=$(@D)
	@touch $@

# Upstream takes in every folder of one folder. The manifests need nothing from micropython-lib, but
# upstream's rules want to see that it is there.
MODS := $(BUILD)/mods
$(STAMPS)/mods: firmware/build.mk | $(STAMPS)
	@rm -rf $(MODS) && mkdir -p $(MODS)/linked $(MODS)/board $(MODS)/board-linked $(MODS)/lib
	@ln -s $(CURDIR)/firmware/monocypher $(MODS)/linked/monocypher
	@ln -s $(CURDIR)/firmware/monocypher $(MODS)/board-linked/monocypher
	@ln -s $(CURDIR)/firmware/qemu/support $(MODS)/board-linked/support
	@ln -s $(CURDIR)/firmware/qemu/support $(MODS)/board/support
	@touch $(MODS)/lib/README.md $@

PORT_ARGS = MICROPY_MPYCROSS=$(MPY_CROSS) MICROPY_MPYCROSS_DEPENDENCY=$(MPY_CROSS) MPY_LIB_DIR=$(MODS)/lib
LINKED_ARGS = MONOCYPHER_DIR=$(MONOCYPHER_DIR)
PLAIN_ARGS = FROZEN_MANIFEST=$(MPY_DIR)/extmod/asyncio/manifest.py
PORT_NEEDS = $(MPY_CROSS) $(STAMPS)/mods $(ours)
LINKED_NEEDS = $(MONOCYPHER_SOURCES) $(module_files) $(frozen_files)

# --- unix ------------------------------------------------------------------------------------------

# Anew under its name, because the old one may be running.
place_unix = cp $(@D)/obj-$(@F)/$(@F) $@.new && mv $@.new $@
unix_make = $(UPSTREAM) $(MPY_DIR)/ports/unix VARIANT_DIR=$(CURDIR)/firmware/unix BUILD=$(BUILD)/unix/obj-$(@F) PROG=$(@F) $(PORT_ARGS)

$(BUILD)/unix/mpseq-micropython: $(PORT_NEEDS) $(LINKED_NEEDS) $(variant_files)
	@$(STEP) "MicroPython for unix, with mpseq" "$(BUILD_CURE)" $(unix_make) USER_C_MODULES=$(MODS)/linked $(LINKED_ARGS)
	@$(place_unix)

$(BUILD)/unix/micropython-plain: $(PORT_NEEDS) $(variant_files)
	@$(STEP) "MicroPython for unix, plain" "$(BUILD_CURE)" $(unix_make) $(PLAIN_ARGS)
	@$(place_unix)

# With 32 bits, for the test that runs every architecture's native module: without the libraries of the
# system, which are there for 64 bits only.
$(BUILD)/unix/micropython-x86: $(PORT_NEEDS) $(variant_files) $(STAMPS)/apt-x86
	@$(STEP) "MicroPython for unix, 32 bits" "$(BUILD_CURE)" $(unix_make) $(PLAIN_ARGS) MICROPY_FORCE_32BIT=1 \
		MICROPY_PY_FFI=0 MICROPY_PY_SSL=0 MICROPY_PY_THREAD=0 CFLAGS_EXTRA=-DMICROPY_PY_CRYPTOLIB=0
	@$(place_unix)

# --- the emulated boards ---------------------------------------------------------------------------

# A board's definition, from the name of its firmware.
board = $(if $(findstring rv32,$(1)),QEMU_RV32,QEMU_CORTEX_M3)
qemu_make = $(UPSTREAM) $(MPY_DIR)/ports/qemu BOARD=$(call board,$(@F)) BOARD_DIR=$(CURDIR)/boards/$(call board,$(@F)) \
	BUILD=$(BUILD)/firmware/obj-$(basename $(@F)) $(PORT_ARGS) MBEDTLS_DIR=$(MBEDTLS_DIR)
place_firmware = cp $(@D)/obj-$(basename $(@F))/firmware.elf $@.new && mv $@.new $@

define board_rules
$(BUILD)/firmware/$(1).elf: $$(PORT_NEEDS) $$(LINKED_NEEDS) $$(board_files) $$(wildcard boards/$(call board,$(1))/*)
	@$$(STEP) "firmware $(1)" "$$(BUILD_CURE)" $$(qemu_make) USER_C_MODULES=$$(MODS)/board-linked $$(LINKED_ARGS)
	@$$(place_firmware)

$(BUILD)/firmware/$(1)-plain.elf: $$(PORT_NEEDS) $$(board_files) $$(wildcard boards/$(call board,$(1))/*)
	@$$(STEP) "firmware $(1), plain" "$$(BUILD_CURE)" $$(qemu_make) USER_C_MODULES=$$(MODS)/board $$(PLAIN_ARGS)
	@$$(place_firmware)
endef
$(foreach name,qemu-rv32 qemu-cortex-m3,$(eval $(call board_rules,$(name))))

# The same with all the memory that the emulated machine has: the core's tests hold whole rooms in one
# heap, and want to be run on 32 bits.
$(BUILD)/firmware/qemu-rv32-roomy.elf: $(PORT_NEEDS) $(LINKED_NEEDS) $(board_files) $(wildcard boards/QEMU_RV32/*)
	@$(STEP) "firmware qemu-rv32, roomy" "$(BUILD_CURE)" $(qemu_make) USER_C_MODULES=$(MODS)/board-linked $(LINKED_ARGS) \
		MICROPY_HEAP_SIZE=1572864
	@$(place_firmware)

# Cores that no emulated board of ours has, for the test that runs every architecture's native module:
# the Cortex-M3's definition, compiled for them.
cpu_m0 := -mcpu=cortex-m0 -mfloat-abi=soft
cpu_m4 := -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16
cpu_m7 := -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16
gc_m0 := SRC_BOARD_O="shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb1.o"

define core_rules
$(BUILD)/firmware/qemu-cortex-$(1)-plain.elf: $$(PORT_NEEDS) $$(board_files) $$(wildcard boards/QEMU_CORTEX_M3/*)
	@$$(STEP) "firmware qemu-cortex-$(1), plain" "$$(BUILD_CURE)" $$(qemu_make) USER_C_MODULES=$$(MODS)/board $$(PLAIN_ARGS) \
		CORE_FLAGS="$(cpu_$(1))" $(gc_$(1))
	@$$(place_firmware)
endef
$(foreach core,m0 m4 m7,$(eval $(call core_rules,$(core))))

# --- the native module -----------------------------------------------------------------------------

# What only one thing needs is installed when that is asked for.
packages_x86 := gcc-multilib
packages_xtensa := gcc-xtensa-lx106 picolibc-xtensa-lx106-elf
packages_probes := valgrind
packages_cmake := 'cmd:cmake=cmake'

$(STAMPS)/apt-%: $(STAMPS)/apt
	@$(STEP) "packages for $*" "see that apt works (network, disk, sudo), then run make again" \
		sh firmware/tools/apt-packages $(packages_$*)
	@touch $@

define natmod_rules
$(call natmod_file,$(1)): $$(MPY_SOURCES) $$(MONOCYPHER_SOURCES) $$(STAMPS)/python $$(natmod_files) $$(ours) \
		$(if $(packages_$(1)),$(STAMPS)/apt-$(1))
	@mkdir -p $$(@D)
	@$$(STEP) "native module for $(1)" "$$(BUILD_CURE)" make -C firmware/monocypher/natmod ARCH=$(1) BUILD=$$(@D) \
		MPY_DIR=$$(MPY_DIR) MONOCYPHER_DIR=$$(MONOCYPHER_DIR) PYTHON=$$(PYTHON)
	@touch $$@
endef
$(foreach arch,$(sort $(NATMOD_ARCHS) xtensawin $(ARCH)),$(eval $(call natmod_rules,$(arch))))

# What is published: copies, because the builds of the tests must not depend on it.
$(DIST)/natmod/%.mpy: $(BUILD)/natmod/%.mpy
	@mkdir -p $(@D)
	@cp $< $@

# --- what the tests of the native module need -----------------------------------------------------

# `probe` as a native module, for a MicroPython with or without ours linked in.
define probe_rules
$(call probe_file,$(1)): tests/native/probe.c tests/native/Makefile $$(MPY_SOURCES) $$(STAMPS)/python $$(STAMPS)/apt-probes $$(ours)
	@mkdir -p $$(@D)
	@$$(STEP) "test module for $(1)" "$$(BUILD_CURE)" make -C tests/native ARCH=$(1) BUILD=$$(@D) \
		MPY_DIR=$$(MPY_DIR) PYTHON=$$(PYTHON)
	@touch $$@
endef
$(foreach arch,$(PROBED_ARCHS),$(eval $(call probe_rules,$(arch))))

# The MicroPython of this machine once more, of which the native module alone is compiled anew, with
# every access to memory and every operation checked: some seconds instead of a minute.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
$(SANITIZED): $(BUILD)/unix/mpseq-micropython tests/native/asan_nlr.c
	@mkdir -p $(@D) && rm -rf $(@D)/obj-sanitized
	@cp -a $(BUILD)/unix/obj-mpseq-micropython $(@D)/obj-sanitized && rm $(@D)/obj-sanitized/monocypher/binding.o
	@$(STEP) "MicroPython with a checked module" "$(BUILD_CURE)" $(UPSTREAM) $(MPY_DIR)/ports/unix \
		VARIANT_DIR=$(CURDIR)/firmware/unix BUILD=$(@D)/obj-sanitized PROG=$(@F) STRIP= $(PORT_ARGS) \
		USER_C_MODULES=$(MODS)/linked $(LINKED_ARGS) CFLAGS_EXTRA="-g $(SANITIZE)" \
		LDFLAGS_EXTRA="$(SANITIZE) -Wl,--wrap=nlr_jump $(CURDIR)/tests/native/asan_nlr.c"
	@cp $(@D)/obj-sanitized/$(@F) $@.new && mv $@.new $@


# --- our C without a warning -----------------------------------------------------------------------

$(STAMPS)/lint-c: $(BUILD)/unix/mpseq-micropython $(BUILD)/firmware/qemu-rv32.elf $(BUILD)/firmware/qemu-cortex-m3.elf \
		firmware/tools/lint-c
	@$(STEP) "our C, every warning an error" "mend what the compiler names" \
		sh firmware/tools/lint-c $(BUILD) $(MPY_DIR) $(MONOCYPHER_DIR) $(MBEDTLS_DIR)
	@touch $@

# --- the library as .mpy files ---------------------------------------------------------------------

# Fewer, larger modules (tools/bundle/ says why). Put in place at the end: tests may be reading.
$(BUILD)/mpy/.done: $(MPY_CROSS) $(lib_files) $(STAMPS)/names $(wildcard firmware/tools/bundle/*.py) firmware/tools/reorder-mpy $(STAMPS)/python
	@rm -rf $(BUILD)/mpy-sources $(BUILD)/mpy-new && mkdir -p $(BUILD)/mpy-sources $(BUILD)/mpy-new
	@$(PYTHON) -B firmware/tools/bundle lib $(BUILD)/mpy-sources
	@cd $(BUILD)/mpy-sources && for file in $$(find . -name '*.py'); do \
		mkdir -p $(BUILD)/mpy-new/$${file%/*} && \
		$(MPY_CROSS) -O3 -s $${file##*/} -o $(BUILD)/mpy-new/$${file%.py}.mpy $$file || exit 1; done
	@$(PYTHON) firmware/tools/reorder-mpy $(MPY_DIR) $$(find $(BUILD)/mpy-new -name '*.mpy')
	@rm -rf $(@D) && mv $(BUILD)/mpy-new $(@D)
	@touch $@
