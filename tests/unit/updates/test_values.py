"""The values of `any`: where each ends, how deep, how many."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import InvalidUpdate, RefusalReason
from collab_server.updates.values import skip_values
from tests.support.update_bytes import entries, sized, uint

FLAT = (
    st.sampled_from([b"\x7f", b"\x7e", b"\x78", b"\x79", b"\x7d\x40", b"\x7d\x05", b"\x7d\x80\x02"])
    | st.floats(width=32).map(lambda value: b"\x7c" + struct.pack(">f", value))
    | st.floats().map(lambda value: b"\x7b" + struct.pack(">d", value))
    | st.integers(-(2**63), 2**63 - 1).map(lambda value: b"\x7a" + struct.pack(">q", value))
    | st.text(max_size=5).map(lambda text: b"\x77" + sized(text))
    | st.binary(max_size=200).map(lambda raw: b"\x74" + sized(raw))
)
VALUES = st.recursive(
    FLAT,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda found: b"\x75" + uint(len(found)) + b"".join(found))
        | st.dictionaries(st.text(max_size=3), inner, max_size=4).map(lambda found: entries(found.items()))
    ),
    max_leaves=30,
)


@given(st.lists(VALUES, max_size=5))
def test_ends_exactly_after_the_values(found: list[bytes]) -> None:
    data = b"".join(found)
    assert skip_values(data + b"\x7e\x7e", 0, len(found), 64) == len(data)


@given(VALUES, st.data())
def test_every_beginning_ends_too_early(value: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(value) - 1))
    # A length may point past the end; the scanner refuses what ends there.
    try:
        assert skip_values(value[:cut], 0, 1, 64) > cut
    except (IndexError, InvalidUpdate):
        pass


def _refused(data: bytes, count: int = 1) -> RefusalReason:
    with pytest.raises(InvalidUpdate) as error:
        skip_values(data, 0, count, 64)
    return error.value.reason


@pytest.mark.parametrize("tag", [0, 115, 128, 255])
def test_no_such_tag(tag: int) -> None:
    assert _refused(bytes((tag,))) is RefusalReason.MALFORMED


@pytest.mark.parametrize("opening", [b"\x75\x01", b"\x76\x01\x01k"])
def test_depth(opening: bytes) -> None:
    assert skip_values(opening * 64 + b"\x7e", 0, 1, 64) == 64 * len(opening) + 1
    assert _refused(opening * 65 + b"\x7e") is RefusalReason.TOO_LARGE
    assert _refused(opening * 30_000 + b"\x7e") is RefusalReason.TOO_LARGE


def test_width_is_not_depth() -> None:
    data = b"\x75" + uint(1_000) + b"\x75\x00" * 1_000
    assert skip_values(data, 0, 1, 1 + 1) == len(data)


@pytest.mark.parametrize("tag", [b"\x75", b"\x76"])
def test_a_count_beyond_the_bytes(tag: bytes) -> None:
    assert _refused(tag + uint(1 << 27)) is RefusalReason.MALFORMED


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        (b"\xbf" + uint((1 << 47) - 1), True),
        (b"\xff" + uint((1 << 47) - 1), True),
        (b"\x80" + uint(1 << 47), False),
    ],
)
def test_integers_up_to_what_javascript_counts_exactly(number: bytes, fits: bool) -> None:
    if fits:
        assert skip_values(b"\x7d" + number, 0, 1, 64) == 1 + len(number)
    else:
        assert _refused(b"\x7d" + number) is RefusalReason.MALFORMED


@pytest.mark.parametrize(
    ("key", "value", "fits"),
    [("__proto__", b"\x74\x00", False), ("__proto__", b"\x7e", True), ("proto", b"\x74\x00", True)],
)
def test_bytes_are_no_prototype(key: str, value: bytes, fits: bool) -> None:
    """lib0 assigns the key `__proto__`; with bytes behind it, Yjs throws whenever it encodes the document."""
    data = entries([(key, value)])
    if fits:
        assert skip_values(data, 0, 1, 64) == len(data)
    else:
        assert _refused(data) is RefusalReason.MALFORMED
