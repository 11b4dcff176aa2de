"""Tells PyInstaller where to find the hook that adds the shared library to frozen programs."""

from pathlib import Path
from typing import List


def hook_directories() -> List[str]:
    return [str(Path(__file__).parent)]
