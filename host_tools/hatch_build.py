"""Puts the packages of lib/, which lies beside this folder, into the wheel and the sdist, and the
test vectors that `mpseq interop` compares devices with."""

import os

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_VECTORS = (
    "vectors/conversation.txt", "vectors/conversation_suite_2.txt", "vectors/primitives.txt",
    "core/conformance.py", "core/house.py", "primitive_checks.py",
)  # fmt: skip


class LibraryHook(BuildHookInterface):
    """An editable install gets the folder itself on its path; only real builds copy."""

    def initialize(self, version, build_data):
        if version == "editable":
            return
        files = build_data["force_include"]
        sdist = self.target_name == "sdist"
        library = self._folder("lib")
        for package in ("mpseq", "mpseq_aio", "mpseq_board"):
            files[os.path.join(library, package)] = ("lib/" if sdist else "") + package
        tests = self._folder("tests")
        for name in _VECTORS:
            there = "tests/" if sdist else "mpseq_tools/interop/data/"
            files[os.path.join(tests, name)] = there + name

    def _folder(self, name):
        beside = os.path.join(self.root, "..", name)  # a checkout
        inside = os.path.join(self.root, name)  # an unpacked sdist
        return inside if os.path.isdir(inside) else beside
