"""The first three commands of TROUBLE.md: what `mpseq doctor` says of this machine, of a relay,
and of what is not there."""

import asyncio
import json
import os
import sys

from mpseq_tools.relay import Relay


async def doctor(home, *options):
    """(exit code, checks by name) of `mpseq doctor --json`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mpseq_tools", "doctor", *options, "--json",
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "MPSEQ_HOME": str(home)},
    )
    out, _ = await process.communicate()
    report = json.loads(out)
    assert report["good"] == (process.returncode == 0)
    return process.returncode, report["checks"]


def test_this_machine_can_run_it(tmp_path):
    code, checks = asyncio.run(doctor(tmp_path))
    assert code == 0
    names = {check["name"] for check in checks if check["about"] == "machine"}
    assert {"Python", "packages", "Monocypher", "identities"} <= names
    assert all(check["cure"] for check in checks if check["state"] == "FAIL")


def test_a_relay_is_tried_and_one_that_is_not_there_is_named(tmp_path):
    async def story():
        relay = Relay(port=0)
        await relay.start()
        address = f"tcp://127.0.0.1:{relay.port}/garden"
        try:
            code, checks = await doctor(tmp_path, "--carrier", address)
        finally:
            await relay.stop()
        assert code == 0, checks
        about = {check["name"]: check for check in checks if check["about"] == "carrier"}
        assert about["enters"]["state"] == about["order"]["state"] == "ok"
        code, checks = await doctor(tmp_path, "--carrier", address)
        wrong = [check for check in checks if check["state"] == "FAIL"]
        assert code == 1 and wrong[0]["about"] == "carrier"
        assert "mpseq relay" in wrong[0]["cure"]

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_port_that_is_not_there_is_named(tmp_path):
    code, checks = asyncio.run(doctor(tmp_path, "--device", "/dev/ttyACM99"))
    (wrong,) = [check for check in checks if check["state"] == "FAIL"]
    assert code == 1 and wrong["about"] == "board" and wrong["cure"]
