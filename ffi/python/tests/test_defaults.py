"""The table of names and defaults in the README, compared with the package, the library and `websockets`."""

import inspect
import re
from pathlib import Path
from typing import Any, Dict, List

import websockets.sync.client

import landline

TOP = Path(__file__).resolve().parents[3]
HEADER = (TOP / "include/landline.h").read_text()
README = (TOP / "ffi/python/README.md").read_text()


def rows(title: str) -> List[List[str]]:
    """The rows of the table under a heading, without backticks."""
    section = README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    table = [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in table if not row[0].startswith("---")]


def defaults_of(function: Any) -> Dict[str, Any]:
    return {name: it.default for name, it in inspect.signature(function).parameters.items()}


def value(cell: str) -> Any:
    """The Python value of a cell of the table."""
    text = cell.split(" (")[0]
    if text in ("off", "none"):
        return None
    if text.endswith(" s"):
        return int(text[:-2])
    if text.endswith(" MiB"):
        return int(text[:-4]) * 2**20
    return text


def of_library(option: str) -> Any:
    """The default of an option according to its comment in the header; the one for clients if there are two."""
    comment = re.findall(r"/\*\*((?:(?!\*/).)*)\*/\n#define LANDLINE_OPT_%s " % option.upper(), HEADER, re.S)[-1]
    found = re.search(r"Default\s+(?:\*\s+)?(\d+)", comment)
    assert found, comment
    number = int(found[1])
    if not option.endswith("_ms"):
        return number or None
    return number // 1000 or None


def test_the_defaults_in_the_table_are_those_of_the_code() -> None:
    connect, serve, theirs = (
        defaults_of(landline.connect),
        defaults_of(landline.serve),
        defaults_of(websockets.sync.client.connect),
    )
    table = rows("Defaults")
    assert len(table) >= 6
    for name, ours, option, library, field in table:
        assert (connect[name] or None) == value(ours) == (serve[name] or None), name
        assert of_library(option) == value(library), name
        if field != "none":
            assert (theirs[name] or None) == (value(field) or None), name


def test_each_argument_with_a_default_is_in_the_table() -> None:
    ours, theirs = defaults_of(landline.connect), defaults_of(websockets.sync.client.connect)
    listed = {row[0] for row in rows("Defaults")}
    limits = {name for name in ours if name.endswith(("timeout", "interval", "size")) or name == "compression"}
    assert limits == listed
    assert listed & set(theirs)


def test_the_names_in_the_table_exist() -> None:
    header_names = set(re.findall(r"LANDLINE_CONN_(\w+)", HEADER))
    table = rows("Names")
    assert len(table) >= 3
    for name, elsewhere in table:
        assert hasattr(landline.Connection, name), name
        assert elsewhere.upper() in header_names, elsewhere
