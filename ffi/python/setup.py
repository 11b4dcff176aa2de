"""Puts the shared library into the package: the one that LANDLINE_LIBRARY names, or one that cargo builds."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

NAME = "liblandline.so"
REPOSITORY = Path(__file__).resolve().parents[2]


def library() -> Path:
    given = os.environ.get("LANDLINE_LIBRARY")
    if given:
        path = Path(given)
        if not path.is_file():
            raise SystemExit(f"LANDLINE_LIBRARY is {given}, which is no file")
        return path
    if not (REPOSITORY / "ffi" / "Cargo.toml").is_file():
        raise SystemExit("set LANDLINE_LIBRARY to liblandline.so, or install from a clone of Landline: pip install ./ffi/python")
    try:
        subprocess.run(["cargo", "build", "--release", "-p", "landline-ffi"], cwd=REPOSITORY, check=True)
        told = subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE
        )
    except FileNotFoundError:
        raise SystemExit("cargo is not there to build liblandline.so: install Rust, or set LANDLINE_LIBRARY") from None
    return Path(json.loads(told.stdout)["target_directory"]) / "release" / NAME


class BuildWithLibrary(build_py):
    """Copies the library beside the modules."""

    def run(self) -> None:
        super().run()
        target = Path(__file__).parent if self.editable_mode else Path(self.build_lib)
        shutil.copyfile(library(), target / "landline" / NAME)


class PlatformWheel(bdist_wheel):
    """For any Python, on the platform that the library is for."""

    def get_tag(self) -> "tuple[str, str, str]":
        return ("py3", "none", super().get_tag()[2])


class WithLibrary(Distribution):
    """Not for every platform."""

    def has_ext_modules(self) -> bool:
        return True


setup(distclass=WithLibrary, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
