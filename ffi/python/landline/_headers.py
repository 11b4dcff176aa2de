"""The headers of a request or a response."""

from typing import Dict, Iterable, Iterator, List, Mapping, Tuple, Union

HeadersLike = Union[Mapping[str, str], Iterable[Tuple[str, str]]]
"""The forms in which headers can be given."""


class Headers(Mapping[str, str]):
    """Headers by name, which is not case-sensitive. The values of a header that occurs several times are joined by ", ";
    get_all() returns them separately. repr() hides the values of Authorization, Proxy-Authorization, Cookie and Set-Cookie."""

    def __init__(self, items: HeadersLike = ()) -> None:
        self._items = list(pairs(items))
        self._values: Dict[str, List[str]] = {}
        for name, value in self._items:
            self._values.setdefault(name.lower(), []).append(value)

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._values[name.lower()])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        """Without the values that are secrets: this ends up in logs."""
        shown = [(name, "***" if _is_secret(name.lower(), value) else value) for name, value in self._items]
        return f"Headers({shown!r})"

    def get_all(self, name: str) -> List[str]:
        """All values of a header, in order; an empty list if there is no such header."""
        return list(self._values.get(name.lower(), ()))

    def raw_items(self) -> List[Tuple[str, str]]:
        """Names and values in their original order."""
        return list(self._items)


_SECRETS = ("authorization", "proxy-authorization", "cookie", "set-cookie")


def _is_secret(name: str, value: str) -> bool:
    # The user and password of a URL are secrets too.
    return name in _SECRETS or (name == "location" and "@" in value)


def pairs(headers: HeadersLike) -> Iterable[Tuple[str, str]]:
    """Names and values of headers that are given in any of the forms of HeadersLike."""
    if isinstance(headers, Headers):
        return headers.raw_items()
    if isinstance(headers, Mapping):
        return headers.items()
    expected = "headers must be a mapping, or a list of pairs of name and value"
    if isinstance(headers, (str, bytes)) or not isinstance(headers, Iterable):
        raise TypeError(f"{expected}, not {type(headers).__name__}")
    found = []
    for pair in headers:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{expected}, and one of them is not a pair")
        found.append((pair[0], pair[1]))
    return found


def parse(block: bytes) -> Headers:
    """Parses headers as the library returns them: "name: value", each with a line end."""
    lines = block.decode("utf-8", "replace").split("\r\n")
    split = (line.partition(": ") for line in lines if line)
    return Headers([(name, value) for name, _, value in split])
