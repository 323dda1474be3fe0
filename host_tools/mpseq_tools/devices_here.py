"""What there is to talk to on this machine, under the names that --device and --port take."""

import dataclasses
import os
import shutil

from mpseq_aio.plain import clean

from . import checkout, devices, ports, qemu
from .faults import Fault


class NoDevice(Fault):
    """There is no device of this name."""

    code = 3


@dataclasses.dataclass(frozen=True)
class Here:
    """`kind`: serial, emulated or runtime; `text`: what it is, for people; `problem`: why it
    cannot be used, or None, with its `cure`. Of a serial port what USB says of it."""

    name: str
    kind: str
    text: str
    problem: str | None = None
    cure: str | None = None
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    description: str | None = None
    board: str | None = None

    @property
    def usable(self) -> bool:
        """Whether --device may be this, as far as one can see."""
        return self.problem is None

    @property
    def is_board(self) -> bool:
        """Whether that can be used where a board is wanted."""
        return self.usable and self.kind != "runtime"


def everything() -> list[Here]:
    """Serial ports, emulated boards and runtimes, also those that cannot be used now."""
    return serial_ports() + emulated() + runtimes()


def serial_ports() -> list[Here]:
    """Those with USB behind them first; a mainboard's own only if something could be there."""
    found = []
    for port in sorted(ports.everyone(), key=lambda port: (port.vid is None, port.device)):
        if port.vid is None and (port.hwid or "n/a") == "n/a":
            continue  # a mainboard's without anything that could be known of it
        problem = cure = None
        if os.name == "posix" and not os.access(port.device, os.R_OK | os.W_OK):
            problem, cure = ports.why(port.device)
        board = ports.guess(port.vid, port.pid)
        # What a device says of itself is its maker's, or anybody's.
        said = clean(port.description or "")
        text = board or (said if said not in ("", "n/a") else "a serial port")
        found.append(
            Here(
                port.device, "serial", text, problem, cure, port.vid, port.pid,
                clean(port.serial_number) if port.serial_number else None, said or None, board,
            )
        )  # fmt: skip
    return found


def emulated() -> list[Here]:
    """The boards of qemu.BOARDS."""
    return [
        Here(name, "emulated", text, *_lacks(name))
        for name, text in (
            ("qemu-rv32", "emulated RV32IMC board, 160 KiB of heap, as an ESP32-C3"),
            ("qemu-cortex-m3", "emulated Cortex-M3 board, 160 KiB of heap"),
        )
    ]


def runtimes() -> list[Here]:
    """This Python, and the MicroPython of this machine."""
    here = [Here("cpython", "runtime", "this Python, in a process of its own or in this one")]
    text, problem, cure = "MicroPython of this machine", None, None
    try:
        devices.unix_program()
    except devices.DeviceError:
        problem, cure = "it is not built", checkout.cure("unix")
    return [*here, Here("unix", "runtime", text, problem, cure)]


def emulated_board(name: str, linked: bool = True):
    """NoDevice when this emulated board cannot be switched on here."""
    problem, cure = _lacks(name, linked)
    if problem:
        raise NoDevice(f"{name}: {problem}", cure)


def check_runtime(device: str):
    """The same for `mpseq bench` and alike, which take runtimes, too."""
    for one in runtimes():
        if one.name == device:
            if one.problem:
                raise NoDevice(f"{device}: {one.problem}", one.cure)
            return
    check(device, True)


def check(device: str, runtimes_too: bool = False):
    """NoDevice, with what there is, when no port or board here has this name."""
    if device in qemu.BOARDS:
        emulated_board(device)
        return
    known = everything()
    for one in known:
        if one.name == device and one.kind != "runtime":
            if one.problem:
                raise NoDevice(f"{device}: {one.problem}", one.cure)
            return
    if "/" in device and os.path.exists(device):  # a pty, or a port that pyserial does not list
        return
    if os.name != "posix" and device.upper().startswith("COM"):
        return
    names = ", ".join(
        one.name for one in known if one.usable and (runtimes_too or one.kind != "runtime")
    )
    raise NoDevice(
        f"there is no device {device!r}",
        f"plug it in, or take one that is here: {names or 'none'}; mpseq devices says more",
    )


def _lacks(name, linked=True):
    """(problem, cure) of an emulated board."""
    if not qemu.firmware_path(name, linked).is_file():
        return "its firmware is not built", checkout.cure("firmware")
    program = qemu.program_of(name)
    if not shutil.which(program):
        package = "qemu-system-misc" if "riscv" in program else "qemu-system-arm"
        return f"{program} is not installed", f"sudo apt install {package}"
    return None, None
