# ruff: noqa: F821  # makemanifest's own names
include("$(MPY_DIR)/extmod/asyncio")
include("../../firmware/manifest.py")
