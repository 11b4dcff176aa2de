"""Adds the shared library, which PyInstaller cannot find because ctypes loads it by a name made at run time."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("landline")
