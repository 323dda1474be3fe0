"""Which test runs what the documentation shows. A command is listed by its name and options (of
`make`, its target and variables; of another program, all words), as test_docs.py says them.

RUN_BY: the test files, or FILE::FUNCTION, that run it; of `mpseq` all words of the entry must be
in one of them, unless it takes its lines from the page itself. NOT_RUN: patterns of what no test
can run, with the reason; of `mpseq` they are parsed all the same.
"""

_NEWCOMER = "test_newcomer.py::test_two_desktops_and_an_emulated_board_talk"

RUN_BY = {
    "/usr/sbin/mosquitto -c host_tools/examples/mosquitto.conf": _NEWCOMER,
    "make demo mip": "test_demo.py::test_the_demo_runs_and_everything_holds test_mip.py",
    "make mip": "test_mip.py",
    "mpseq chat --carrier --nick": _NEWCOMER,
    "mpseq chat --carrier --nick --profile": _NEWCOMER,
    "mpseq chat --nick --plain --room": "test_chat_command.py",
    "mpseq chat --nick --room": "test_chat_command.py",
    "mpseq chat --nick --room --web": "test_web.py test_chat_command.py",
    "mpseq deploy --invite-by --nick --port --relay --room --stay": _NEWCOMER,
    "mpseq deploy --invite-by --nick --room": "test_deploy_room.py deploying.py",
    "prosody -F --config host_tools/examples/prosody.cfg.lua": _NEWCOMER,
    "make demo": "test_demo.py::test_the_demo_runs_and_everything_holds",
    "make firmware": "test_boards_smoke.py",
    "mpseq audit-transcript": "test_forge.py::test_the_commands_forge_and_audit",
    "mpseq bridge --device": "test_bridge.py",
    "mpseq bridge --device --program": "test_readme.py test_bridge.py",
    "mpseq doctor": "test_doctor.py",
    "mpseq doctor --carrier": "test_doctor.py::test_a_relay_that_is_well",
    "mpseq doctor --device": "test_doctor.py::test_a_real_one_before_and_after_it_is_deployed",
    "mpseq forge --out --script": "test_forge.py::test_the_commands_forge_and_audit",
    "mpseq interop --device": "test_interop_devices.py",
    "mpseq interop --device --only --pair --seed": "test_interop.py test_interop_devices.py",
    "mpseq keys qr --nick": "test_keys_command.py",
    "mpseq keys show": "test_keys_command.py",
    "mpseq keys verify": "test_keys_command.py",
    "mpseq keys verify --fingerprint": "test_keys_command.py",
    "mpseq relay": "test_relay_command.py test_chat_command.py",
    "mpseq relay --host": "test_relay_command.py",
    "mpseq relay --host --systemd --tls-cert --tls-key --tokens": "test_relay_command.py",
    "mpseq relay --host --tls-self-signed --tokens": "test_relay_command.py",
    "pip install ./host_tools": "test_types.py::user",  # the wheel, into an empty environment
}

NOT_RUN = {
    "make test": "runs the tests",
    "make natmods": "needs the compiler of the ESP-IDF; test_natmods.py runs it for the others",
    "make -C $MPY/*": "needs a full checkout of MicroPython and the SDK of the chip",
    "cp mpseq-relay.service *": "installs a system's service; systemd-analyze has read the unit",
    "systemctl *": "changes the services of this machine",
    "qemu-system-*": "the machines are started by tests/test_disk.py, with other devices",
    "mpseq deploy --carrier --invite-by --nick --port --wifi":
        "needs Wi-Fi; test_deploy.py writes such settings, test_node.py plays the network",
    "mpseq flash --firmware --port": "erases a real chip; test_flash.py talks to a made-up one",
}
