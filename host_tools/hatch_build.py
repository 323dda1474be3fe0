"""Puts the packages of lib/, which lies beside this folder, into the wheel and the sdist."""

import os

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LibraryHook(BuildHookInterface):
    """An editable install gets the folder itself on its path; only real builds copy."""

    def initialize(self, version, build_data):
        if version == "editable":
            return
        beside = os.path.join(self.root, "..", "lib")  # a checkout
        inside = os.path.join(self.root, "lib")  # an unpacked sdist
        library = beside if os.path.isdir(beside) else inside
        prefix = "lib/" if self.target_name == "sdist" else ""
        for package in ("mpseq", "mpseq_aio", "mpseq_board"):
            build_data["force_include"][os.path.join(library, package)] = prefix + package
