# ruff: noqa: F821  # makemanifest's own names
include("$(PORT_DIR)/boards/RPI_PICO_W/manifest.py")
include("../../firmware/manifest.py")
