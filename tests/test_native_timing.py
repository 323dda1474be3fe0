"""No secret decides what the native module executes, nor which memory it reads.

On x86-64 valgrind watches every jump and every address; on the emulated boards, whose compilers
are others, the instructions of a call are counted; and the assembly of the two functions by which
secrets select is read on each. Not seen: instructions whose own time depends on their operands,
such as the long multiplication of a Cortex-M3.
"""

import re
import shutil
import subprocess

import pytest
from native_module import (
    ARCH,
    BOARD_BUILDS,
    BUILD,
    LINKS,
    SCRIPTS,
    ProbedBoard,
    built,
    fill_folder,
    run_unix,
    unix_command,
)

# Where each board counts, and one step of it in instructions. The Cortex-M3's counter is made to
# run at its full 25 MHz first.
CLOCKS = {
    "qemu-rv32": "CLOCK = 0x200bff8; UNIT = 100",
    "qemu-cortex-m3": "CLOCK = 0x40028018; UNIT = 40; mem32[0x4002801c] = 0",
}
STEPS = 3  # of the clock: what the shortest series of calls may take more or less

OBJDUMP = {
    "x64": "objdump",
    "rv32imc": "riscv64-unknown-elf-objdump",
    "armv7m": "arm-none-eabi-objdump",
}
# All that may stand where a secret bit selects, and the return.
STRAIGHT = {
    "x64": set("mov neg and xor lea ret".split()),
    "rv32imc": set("lw sw add addi neg and xor li mv ret".split()),
    "armv7m": set("ldr ldr.w str str.w sub add negs ands eors and.w eor.w push pop bx".split()),
}
OBJECTS = {
    (arch, link): (
        BUILD / "natmod" / arch / "binding.o"
        if link == "mpy"
        else BUILD
        / ("unix/obj-mpseq-micropython" if name == "unix" else f"firmware/obj-{name}")
        / "monocypher"
        / "binding.o"
    )
    for name, arch in ARCH.items()
    for link in LINKS
}


@pytest.fixture(params=LINKS)
def reports(request, tmp_path):
    """How many jumps and addresses depended on a secret, by the name of the call."""
    valgrind = shutil.which("valgrind")
    assert valgrind, "no valgrind. Cure: make deps"
    fill_folder(tmp_path, "unix", request.param)
    command = [valgrind, "--quiet", *unix_command(request.param), SCRIPTS / "timing.py"]
    lines = run_unix(command, tmp_path).splitlines()
    assert lines[-1] == "all"
    return {name: int(count) for name, count in (line.rsplit(" ", 1) for line in lines[:-1])}


def test_no_jump_and_no_address_depends_on_a_secret(reports):
    controls = {name: reports.pop(name) for name in list(reports) if name.startswith("control")}
    assert controls.pop("control: no secret") == 0
    assert len(controls) == 3 and min(controls.values()) > 0, controls
    unlocking = {name: reports.pop(name) for name in list(reports) if "unlock" in name}
    # whether the tag holds is told: in crypto_aead_read, and by what mod_aead_unlock returns
    assert len(unlocking) == 12 and set(unlocking.values()) == {2}, unlocking
    assert len(reports) >= 26 and not any(reports.values()), reports


@pytest.mark.parametrize("name,link", BOARD_BUILDS)
def test_the_secret_changes_nothing_in_the_number_of_instructions(name, link, tmp_path):
    script = (SCRIPTS / "instructions.py").read_text()
    with ProbedBoard(name, link, tmp_path, icount=True) as board:
        board.exec(script)
        output = board.exec(f"{CLOCKS[name]}\nmain()", timeout=120)
    *spread, control = [int(line.rsplit(": ", 1)[1]) for line in output.splitlines()]
    assert control > 1000
    assert len(spread) == 8 and max(spread) <= STEPS, output


@pytest.mark.parametrize("arch,link", sorted(OBJECTS))
def test_what_a_secret_selects_is_moved_without_a_branch(arch, link):
    command = [OBJDUMP[arch], "-d", "--no-show-raw-insn", built(OBJECTS[arch, link])]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for function in ("fe_cswap", "fe_ccopy"):
        body = re.search(rf"<{function}>:\n(.*?)\n(\n|\Z)", listing, re.DOTALL)[1]
        used = {line.split("\t")[1].split()[0] for line in body.splitlines() if "\t" in line}
        assert used <= STRAIGHT[arch], f"look at {function}: {used - STRAIGHT[arch]}"


def test_a_branch_would_be_seen():
    """The list itself: it has no jump and no conditional instruction of its architecture."""
    branches = {"x64": "jmp je jne cmove", "rv32imc": "beq bne beqz j", "armv7m": "b beq.n it cbz"}
    for arch, names in branches.items():
        assert not STRAIGHT[arch] & set(names.split())
