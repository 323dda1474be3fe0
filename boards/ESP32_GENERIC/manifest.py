# ruff: noqa: F821  # makemanifest's own names
include("$(PORT_DIR)/boards/manifest.py")
include("../../firmware/manifest.py")
