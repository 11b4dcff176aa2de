"""The shared library is loaded by ctypes, by a name that is put together at run time: PyInstaller does not see it."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("landline")
