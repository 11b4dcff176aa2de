"""Tells PyInstaller where the hook is that puts the shared library into frozen programs."""

from pathlib import Path
from typing import List


def hook_directories() -> List[str]:
    return [str(Path(__file__).parent)]
