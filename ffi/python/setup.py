"""Puts the shared library into the package: the one that LANDLINE_LIBRARY names, or one that cargo builds.

What arises on the way does so in a temporary directory: nothing is left behind in the sources.
"""

import atexit
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

NAME = "liblandline.so"
REPOSITORY = Path(__file__).resolve().parents[2]
WORK = tempfile.mkdtemp(prefix="landline-")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)


def library() -> Path:
    given = os.environ.get("LANDLINE_LIBRARY")
    if given:
        path = Path(given)
        if not path.is_file():
            raise SystemExit(f"LANDLINE_LIBRARY is {given}, which is no file")
        return path
    if not (REPOSITORY / "ffi" / "Cargo.toml").is_file():
        raise SystemExit("set LANDLINE_LIBRARY to liblandline.so, or install from a clone of Landline: pip install ./ffi/python")
    command = ["cargo", "build", "--release", "--locked", "-p", "landline-ffi", "--message-format", "json-render-diagnostics"]
    if "CARGO_TARGET_DIR" not in os.environ:
        command += ["--target-dir", WORK]
    try:
        built = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE)
    except FileNotFoundError:
        raise SystemExit("cargo is not there to build liblandline.so: install Rust, or set LANDLINE_LIBRARY") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"cargo could not build liblandline.so (status {error.returncode}); see above") from None
    files = [Path(name) for line in built.stdout.splitlines() for name in json.loads(line).get("filenames", [])]
    return next(path for path in files if path.name == NAME)


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


setup(
    distclass=WithLibrary,
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel},
    options={"build": {"build_base": WORK}, "egg_info": {"egg_base": WORK}},
)
