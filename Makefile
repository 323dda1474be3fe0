# mpseq: everything is built into build/ and .venv, from pinned upstream sources. `make` lists the targets.
#
#   MPY_DIR=…         a MicroPython checkout of yours (with its submodules) instead of the fetched one
#   MONOCYPHER_DIR=…  a folder of yours with monocypher.c and .h
#   MBEDTLS_DIR=…     a folder of yours with Mbed TLS 3.6 (AES for the emulated boards)
#   DEBIAN_MIRROR=…   where Debian's source packages are, if apt's own configuration does not say
#   JOBS=…            how many compilers at once

# Under its own name: BUILD in the environment would reach the makefiles called from here.
BUILD := $(CURDIR)/build
export MPSEQ_BUILD := $(BUILD)
DIST := $(CURDIR)/dist
VENV := $(CURDIR)/.venv
PYTHON := $(VENV)/bin/python
STAMPS := $(BUILD)/.stamps
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
STEP := sh firmware/tools/step

ifeq ($(origin MPY_DIR),undefined)
MPY_DIR := $(BUILD)/micropython
MPY_SOURCES := $(STAMPS)/micropython
endif
ifeq ($(origin MONOCYPHER_DIR),undefined)
MONOCYPHER_DIR := $(BUILD)/monocypher
MONOCYPHER_SOURCES := $(STAMPS)/monocypher
endif
ifeq ($(origin MBEDTLS_DIR),undefined)
MBEDTLS_DIR := $(BUILD)/mbedtls
MBEDTLS_SOURCES := $(STAMPS)/mbedtls
endif
override MPY_DIR := $(abspath $(MPY_DIR))
override MONOCYPHER_DIR := $(abspath $(MONOCYPHER_DIR))
override MBEDTLS_DIR := $(abspath $(MBEDTLS_DIR))

# xtensawin (ESP32, S2, S3) when the compiler of Espressif's SDK is there, which no distribution has.
XTENSAWIN := $(if $(shell command -v xtensa-esp32-elf-gcc),xtensawin)
NATMOD_ARCHS := x64 x86 armv6m armv7m armv7emsp armv7emdp xtensa rv32imc $(XTENSAWIN)
natmod_file = $(BUILD)/natmod/monocypher-mpy6.3-$(1).mpy
FIRMWARE := $(foreach board,qemu-rv32 qemu-cortex-m3,$(BUILD)/firmware/$(board).elf $(BUILD)/firmware/$(board)-plain.elf)
UNIX := $(BUILD)/unix/mpseq-micropython $(BUILD)/unix/micropython-plain
ROOMY := $(BUILD)/firmware/qemu-rv32-roomy.elf
TEST_NATMODS := $(foreach arch,x64 rv32imc armv7m,$(call natmod_file,$(arch)))
# The others that can be run, on machines that are built for this alone.
TEST_CORES := $(foreach core,m0 m4 m7,$(BUILD)/firmware/qemu-cortex-$(core)-plain.elf) $(BUILD)/unix/micropython-x86 \
	$(foreach arch,x86 armv6m armv7emsp armv7emdp,$(call natmod_file,$(arch)))
PROBED_ARCHS := x64 rv32imc armv7m
probe_file = $(BUILD)/native/probe-$(1).mpy
SANITIZED := $(BUILD)/native/micropython-sanitized
PROBES := $(foreach arch,$(PROBED_ARCHS),$(call probe_file,$(arch))) $(SANITIZED)
READY = $(STAMPS)/python $(UNIX) $(FIRMWARE) $(TEST_NATMODS)

# Modules of lib/ with types in a file beside them; _types is nothing but types.
STUBBED = $(subst /,.,$(patsubst lib/%.pyi,%,$(filter-out %/_types.pyi,$(wildcard lib/*/*.pyi))))

.DEFAULT_GOAL := help
.PHONY: help deps unix firmware natmod natmods kills mpy mip demo test mutants prove fuzz probes sanitize bench load interop lint types vectors clean distclean FORCE
.DELETE_ON_ERROR:

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(READY) ## a desktop, a MicroPython process and an emulated board in one secure room
	@$(VENV)/bin/mpseq demo

test: $(READY) $(ROOMY) $(PROBES) $(TEST_CORES) $(BUILD)/mpy/.done mip ## every test, on CPython, MicroPython and the emulated boards
	@$(PYTHON) -m pytest tests -n auto --maxprocesses 4 --dist worksteal $(PYTEST_ARGS)

mutants: $(STAMPS)/python ## disable each check of the protocol in turn: a test must fail (MUTANT=… for some)
	@$(PYTHON) tests/mutants/run.py $(MUTANT)

prove: ## the formal model with the Tamarin prover, lemma by lemma (PROVE="ring join:executable_join" for some)
	@python3 tests/formal/prove.py $(PROVE)

fuzz: $(STAMPS)/python ## fuzz every decoder and live conversations: FUZZ_SECONDS=600 in all, FUZZ_TARGET=… for one
	@$(PYTHON) tests/fuzz/fuzzing.py fuzz $(FUZZ_TARGET) --seconds $(or $(FUZZ_SECONDS),600)

probes: $(READY) $(PROBES) ## what the tests of the native module need; `make test` builds it too

sanitize: $(READY) $(PROBES) ## random calls of the native module under the compiler's checks: CALLS=2000000
	@MPSEQ_RANDOM_CALLS=$(or $(CALLS),2000000) $(PYTHON) -m pytest tests/test_native_sanitized.py $(PYTEST_ARGS)

kills: $(READY) ## cut the power of a board 200 times while it writes, and while it talks: KILLS=200 SEED=…
	@$(PYTHON) tests/kills/cuts.py --kills $(or $(KILLS),200) $(if $(SEED),--seed $(SEED))

soak: $(STAMPS)/python ## random schedules over bad carriers with cheats: SOAK_MINUTES=30
	@$(PYTHON) tests/properties/properties.py soak --minutes $(or $(SOAK_MINUTES),30)

bench: $(READY) ## sizes, times, instructions and heap; also into build/bench.json
	@$(PYTHON) tests/bench/bench.py

load: $(STAMPS)/python ## 1,000 clients on a relay: SECONDS=10 a row; SOAK=600 kills clients for so long instead
	@$(PYTHON) tests/bench/relay_load.py --seconds $(or $(SECONDS),10) $(if $(SOAK),--soak $(SOAK)) $(LOAD_ARGS)

interop: $(READY) ## every scenario over every pair of the four runtimes that are here: SEED=…; report in build/interop
	@$(VENV)/bin/mpseq interop --device cpython --device unix --device qemu-rv32 --device qemu-cortex-m3 \
		$(if $(SEED),--seed $(SEED)) --report $(BUILD)/interop

deps: $(STAMPS)/apt $(STAMPS)/python $(MPY_SOURCES) $(MONOCYPHER_SOURCES) $(MBEDTLS_SOURCES) ## packages, Python environment, upstream sources

unix: $(UNIX) ## MicroPython for this machine with mpseq inside, a plain one, and mpy-cross

firmware: $(FIRMWARE) ## firmware for the emulated boards (RV32IMC, Cortex-M3), with mpseq inside and plain

natmod: $(call natmod_file,$(or $(ARCH),x64)) ## the native module as a file to import: ARCH=x64 (or x86 armv7m rv32imc …)

mpy: $(BUILD)/mpy/.done ## the library precompiled, for boards without it in their firmware: build/mpy

mip: natmods mpy $(STAMPS)/python ## packages for `mpremote mip` and `mpseq deploy`, one an architecture: dist/mip
	@$(PYTHON) -m mpseq_tools.mip --library $(BUILD)/mpy --natmods $(DIST)/natmod --out $(DIST)/mip \
		--project host_tools/pyproject.toml

natmods: $(foreach arch,$(NATMOD_ARCHS),$(DIST)/natmod/monocypher-mpy6.3-$(arch).mpy) ## the native module for every architecture, into dist/natmod
	@ls -l $^ | awk '{ n = split($$NF, path, "/"); printf "  %-40s %6d bytes\n", path[n], $$5 }'
	$(if $(XTENSAWIN),,@echo "  Not made: xtensawin (ESP32, ESP32-S2, ESP32-S3), which needs xtensa-esp32-elf-gcc of the ESP-IDF on PATH.")

lint: $(STAMPS)/python $(STAMPS)/lint-c ## ruff, and our C without a warning
	@$(VENV)/bin/ruff check .

types: $(STAMPS)/python ## mypy on what Python developers use, and whether the stubs of lib/ fit its modules
	@$(VENV)/bin/mypy --config-file host_tools/pyproject.toml
	@$(VENV)/bin/stubtest --mypy-config-file host_tools/pyproject.toml $(STUBBED)

vectors: $(READY) ## write tests/vectors anew
	@$(PYTHON) tests/make_vectors.py

clean: ## remove what was built, keep what was fetched
	rm -rf $(DIST) $(addprefix $(BUILD)/,unix firmware natmod native mpy mpy-sources mpy-cross mods lint log interop) $(addprefix $(STAMPS)/,lint-c mods)

distclean: ## remove build/, dist/ and .venv
	rm -rf $(BUILD) $(DIST) $(VENV)

# --- what this machine needs -------------------------------------------------------------------

# Expanded only in the recipe. pymonocypher is compiled on installation, so python3 needs its headers,
# which a Python from elsewhere (pyenv, uv) has already, and which then are not Debian's to bring.
APT_PACKAGES = gcc make libc6-dev dpkg-dev xz-utils pkg-config libffi-dev libmbedtls-dev \
	gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf gcc-arm-none-eabi libnewlib-arm-none-eabi \
	'cmd:qemu-system-riscv32=qemu-system-riscv|qemu-system-misc' 'cmd:qemu-system-arm=qemu-system-arm' \
	$(shell python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv) \
	$(shell python3 -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null \
		|| echo python3-dev) \
	'cmd:systemd-analyze=systemd' mosquitto prosody 'cmd:chromium=chromium|chromium-browser' fonts-dejavu-core \
	debian-archive-keyring $(shell grep -qs '^ID=debian' /etc/os-release || echo python-apt-common)

$(STAMPS)/apt: firmware/tools/apt-packages | $(STAMPS)
	@$(STEP) "packages of this machine" "see that apt works (network, disk, sudo), then run make again" \
		sh firmware/tools/apt-packages $(APT_PACKAGES)
	@touch $@

$(STAMPS)/python: host_tools/pyproject.toml firmware/tools/python-env $(STAMPS)/apt | $(STAMPS)
	@$(STEP) "Python environment" "see that pip reaches its index; 'rm -rf .venv' starts it afresh" \
		sh firmware/tools/python-env $(VENV) './host_tools[test]'
	@touch $@

$(STAMPS)/micropython: firmware/tools/fetch-debian firmware/tools/micropython.sha256 $(STAMPS)/apt | $(STAMPS)
	@$(STEP) "MicroPython sources" "set DEBIAN_MIRROR to a mirror of Debian, or MPY_DIR to a checkout of MicroPython 1.25" \
		sh firmware/tools/fetch-debian $(MPY_DIR) micropython 1.25.0+ds-1 py/mpconfig.h
	@touch $@

$(STAMPS)/mbedtls: firmware/tools/fetch-debian firmware/tools/mbedtls.sha256 $(STAMPS)/apt | $(STAMPS)
	@$(STEP) "Mbed TLS sources" "set DEBIAN_MIRROR to a mirror of Debian, or MBEDTLS_DIR to a folder with Mbed TLS 3.6" \
		sh firmware/tools/fetch-debian $(MBEDTLS_DIR) mbedtls 3.6.6-0.1~deb13u1 library/aes.c or-newer
	@touch $@

$(STAMPS)/monocypher: firmware/tools/fetch-monocypher firmware/tools/monocypher.txt $(STAMPS)/python | $(STAMPS)
	@$(STEP) "Monocypher sources" "see that pip reaches its index, or set MONOCYPHER_DIR to a folder with monocypher.c 4.0.3" \
		sh firmware/tools/fetch-monocypher $(MONOCYPHER_DIR) $(PYTHON)
	@touch $@

$(STAMPS) $(BUILD)/unix $(BUILD)/firmware $(BUILD)/natmod:
	@mkdir -p $@

include firmware/build.mk
