"""Serial ports that are not there, for tests: what pyserial would list."""

from serial.tools import list_ports_common


def port(device, vid=None, pid=None, description="n/a", serial_number=None):
    """One of them."""
    found = list_ports_common.ListPortInfo(str(device))
    found.vid, found.pid, found.serial_number = vid, pid, serial_number
    found.description = description
    found.hwid = "n/a" if vid is None else f"USB VID:PID={vid:04X}:{pid:04X}"
    return found


def plug_in(monkeypatch, *found):
    """These and no others."""
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda *_: list(found))
