"""The headers of a request or an answer."""

from typing import Dict, Iterable, Iterator, List, Mapping, Tuple, Union

HeadersLike = Union[Mapping[str, str], Iterable[Tuple[str, str]]]
"""What headers can be given as."""


class Headers(Mapping[str, str]):
    """Headers by name, in any case. One that is there several times is its values joined by ", "; see get_all()."""

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
        return f"Headers({self._items!r})"

    def get_all(self, name: str) -> List[str]:
        """All values of a header, in their order; none if it is not there."""
        return list(self._values.get(name.lower(), ()))

    def raw_items(self) -> List[Tuple[str, str]]:
        """Names and values in the order in which they came."""
        return list(self._items)


def pairs(headers: HeadersLike) -> Iterable[Tuple[str, str]]:
    """Names and values of headers, in whichever way they are given."""
    if isinstance(headers, Headers):
        return headers.raw_items()
    return headers.items() if isinstance(headers, Mapping) else headers


def parse(block: bytes) -> Headers:
    """Headers from the form that the library gives them in: "name: value", each with a line end."""
    lines = block.decode("utf-8", "replace").split("\r\n")
    split = (line.partition(": ") for line in lines if line)
    return Headers([(name, value) for name, _, value in split])
