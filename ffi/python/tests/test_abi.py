"""The package's view of the C ABI, compared with the header."""

import ctypes
import re
from ctypes import POINTER, c_char_p, c_int16, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Dict, List, Tuple

from landline import CloseCode, _abi

HEADER = (Path(__file__).resolve().parents[3] / "include/landline.h").read_text()

NUMBERS = {
    "int16_t": c_int16,
    "int32_t": c_int32,
    "int64_t": c_int64,
    "uint32_t": c_uint32,
    "uint64_t": c_uint64,
    "size_t": c_size_t,
    "landline_status": c_int32,
}


def constants() -> Dict[str, int]:
    found = re.findall(r"^#define LANDLINE_(\w+) (-?\d+)$", HEADER, re.M)
    return {name: int(value) for name, value in found}


def functions() -> Dict[str, Tuple[str, List[str]]]:
    """The types that each function returns and accepts, as C types."""
    found = re.findall(r"^((?:const )?\w+ \*?)(landline_\w+)\(([^;]*)\);", HEADER, re.M)
    return {name: (result.strip(), types(inside)) for result, name, inside in found if "typedef" not in result}


def types(parameters: str) -> List[str]:
    if parameters == "void":
        return []
    return [re.sub(r"\w+$", "", " ".join(one.split())).strip() for one in parameters.split(",")]


def fitting(kind: str) -> List[Any]:
    """The ctypes that may stand for a C type. ctypes does not check pointers that are passed for every message."""
    if kind in NUMBERS:
        return [NUMBERS[kind]]
    if kind == "void":
        return [None]
    if kind == "const char *":
        return [c_char_p]
    if kind == "const void *":
        return [c_void_p, c_char_p]
    if kind.endswith("**"):
        return [POINTER(c_void_p)]
    target = kind.rstrip("*").strip()
    return [POINTER(NUMBERS[target]), c_void_p] if target in NUMBERS else [c_void_p]


def test_every_constant_has_the_number_of_the_header() -> None:
    numbers = constants()
    ours = {name: value for name, value in vars(_abi).items() if name.isupper() and isinstance(value, int)}
    assert len(ours) > 100
    wrong = {name: value for name, value in ours.items() if numbers.get(name) != value}
    assert wrong == {}, "not those of the header"


def test_every_function_has_the_signature_of_the_header() -> None:
    header = functions()
    ours = [it for it in vars(_abi).values() if isinstance(it, ctypes._CFuncPtr)]  # type: ignore[attr-defined]
    assert len(ours) > 40
    for function in ours:
        name = str(getattr(function, "__name__"))
        result, parameters = header[name]
        assert function.restype in fitting(result), f"{name} gives {result}"
        if function.argtypes is None:
            # Called with values that are converted by hand.
            assert function in (_abi.conn_recv_into_quick, _abi.conn_send_quick), f"{name} has no argtypes"
            continue
        assert len(function.argtypes) == len(parameters), f"{name} takes {parameters}"
        for own, theirs in zip(function.argtypes, parameters):
            assert own in fitting(theirs), f"{name}: {theirs} is not {own}"


def test_the_structs_have_the_fields_of_the_header() -> None:
    structs = [it for it in vars(_abi).values() if isinstance(it, type) and issubclass(it, ctypes.Structure)]
    assert set(structs) == {_abi.Challenge, _abi.SessionCallbacks}
    found = re.search(r"^typedef struct landline_challenge \{(.*?)^\}", HEADER, re.M | re.S)
    assert found
    lines = re.sub(r"/\*.*?\*/", "", found[1], flags=re.S).split(";")
    fields = [re.fullmatch(r"\s*(.*?)(\w+)", line) for line in lines if line.strip()]
    theirs = [(field[2], field[1].strip()) for field in fields if field]
    assert [name for name, _ in theirs] == [field[0] for field in _abi.Challenge._fields_]
    for (_, kind), field in zip(theirs, _abi.Challenge._fields_):
        assert field[1] in fitting(kind)


def test_the_callbacks_of_sessions_have_the_signatures_of_the_header() -> None:
    fields = _abi.SessionCallbacks._fields_
    found = re.search(r"^typedef struct landline_session_callbacks \{(.*?)^\}", HEADER, re.M | re.S)
    assert found
    inside = re.sub(r"/\*.*?\*/", "", found[1], flags=re.S)
    functions = re.findall(r"(\w+) \(\*(\w+)\)\(([^)]*)\);", inside)
    names = re.findall(r"size_t (\w+);", inside) + [name for _, name, _ in functions]
    assert names == [field[0] for field in fields]
    for (result, _, parameters), field in zip(functions, fields[1:]):
        kind: Any = field[1]
        assert kind._restype_ in fitting(result)
        assert len(kind._argtypes_) == len(types(parameters))
        assert all(own in fitting(theirs) for own, theirs in zip(kind._argtypes_, types(parameters)))


def test_close_codes_are_all_those_of_the_header() -> None:
    ours = {code.name: code.value for code in CloseCode}
    assert ours == {name[6:]: value for name, value in constants().items() if name.startswith("CLOSE_")}


def test_the_phases_of_exceptions_are_those_of_the_header() -> None:
    from landline import _exceptions

    phases = {name[6:].lower(): value for name, value in constants().items() if name.startswith("PHASE_")}
    ours = {name or "none": number for number, name in enumerate(_exceptions._PHASES)}
    assert ours == phases


def test_the_tls_reasons_of_exceptions_are_those_of_the_header() -> None:
    from landline import _exceptions

    reasons = {name[11:].lower(): value for name, value in constants().items() if name.startswith("TLS_REASON_")}
    ours = {name or "none": number for number, name in enumerate(_exceptions._TLS_REASONS)}
    assert ours == reasons
