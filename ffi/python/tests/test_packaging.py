"""Building the package, and programs that contain it."""

import faulthandler
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import echo, running, url_of

import landline

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parents[1]
LIBRARY = Path(landline.__file__).with_name("liblandline.so")


@pytest.fixture(autouse=True)
def longer(time_limit: None) -> None:
    """Building, installing and freezing take long on a busy machine."""
    faulthandler.dump_traceback_later(700, exit=True)


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


PROGRAM = """
import sys
import landline
from landline import _abi

assert _abi._name.startswith(sys._MEIPASS), f"not the library that the program carries: {_abi._name}"
with landline.connect(sys.argv[1]) as ws:
    ws.send("hello")
    print(ws.recv(timeout=20))
"""


@pytest.mark.parametrize("kind", ["--onefile", "--onedir"])
def test_a_program_frozen_by_pyinstaller_contains_the_library(kind: str, tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(PROGRAM)
    run(sys.executable, "-m", "PyInstaller", kind, "hello.py", cwd=tmp_path, PYINSTALLER_CONFIG_DIR=str(tmp_path))
    program = tmp_path / "dist" / ("hello" if kind == "--onefile" else "hello/hello")
    with running(echo) as server:
        assert run(str(program), url_of(server), cwd=tmp_path) == "hello\n"


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
def test_cargo_builds_the_library_if_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where it has been built before, so that this takes seconds.
    target = REPOSITORY / os.environ.get("CARGO_TARGET_DIR", "target")
    monkeypatch.setenv("CARGO_TARGET_DIR", str(target))
    monkeypatch.delenv("LANDLINE_LIBRARY", raising=False)
    run(sys.executable, "-m", "pip", "wheel", "-w", str(tmp_path), str(PACKAGE), cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    carried = zipfile.ZipFile(wheel).read("landline/liblandline.so")
    assert carried == (target / "release" / "liblandline.so").read_bytes()


def test_building_leaves_nothing_behind_in_the_sources(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(PACKAGE, clone / "ffi" / "python", ignore=ignored)
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@localhost")
    for arguments in (("init", "-q"), ("add", "-A", "-f"), ("commit", "-q", "-m", "all")):
        run(*git, *arguments, cwd=clone)
    sources = str(clone / "ffi" / "python")
    library = str(LIBRARY)
    # A wheel from the sources, a source distribution, and a wheel from that.
    direct = tmp_path / "direct"
    run(sys.executable, "-m", "pip", "wheel", "-w", str(direct), sources, cwd=tmp_path, LANDLINE_LIBRARY=library)
    built = tmp_path / "built"
    run(sys.executable, "-m", "build", "-o", str(built), sources, cwd=tmp_path, LANDLINE_LIBRARY=library)
    assert run("git", "status", "--porcelain", "--ignored", cwd=clone) == ""
    assert len(list(built.glob("*.tar.gz"))) == 1
    for wheel in (*direct.iterdir(), *built.glob("*.whl")):
        files = zipfile.ZipFile(wheel).namelist()
        for name in ("__init__.py", "py.typed", "liblandline.so", "__pyinstaller/hook-landline.py"):
            assert f"landline/{name}" in files, wheel
