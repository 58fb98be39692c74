"""Large messages in fragments: the same bytes, whole frames, nothing copied that is large."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collab_server.gateway.fragmented import FRAGMENT_BYTES, Fragmented
from collab_server.runtime.connection import LargeMessage

PIECES = st.lists(st.binary(max_size=300) | st.integers(1, 5).map(lambda n: bytes(n * 100_000)), max_size=12)


def read_header(header: bytes) -> tuple[bool, int, int]:
    """FIN, opcode and length of a server's frame (RFC 6455 §5.2)."""
    size = header[1]
    if size == 126:
        size = int.from_bytes(header[2:4], "big")
    elif size == 127:
        size = int.from_bytes(header[2:10], "big")
    return bool(header[0] & 0x80), header[0] & 0x0F, size


@given(PIECES.filter(any))
def test_the_fragments_are_the_message(pieces: list[bytes]) -> None:
    message = LargeMessage(pieces)
    large = Fragmented(message)
    heads, payloads = [], []
    while large.bytes_left:
        header, payload = next(large)
        heads.append(read_header(header))
        payloads.append(bytes(payload))
    assert next(large, None) is None
    assert b"".join(payloads) == b"".join(pieces)
    assert [size for _, _, size in heads] == [len(payload) for payload in payloads]
    assert all(0 < size <= FRAGMENT_BYTES for _, _, size in heads)
    assert [opcode for _, opcode, _ in heads] == [2] + [0] * (len(heads) - 1)
    assert [last for last, _, _ in heads] == [False] * (len(heads) - 1) + [True]


def test_large_pieces_are_not_copied() -> None:
    piece = bytes(10 * FRAGMENT_BYTES)
    large = Fragmented(LargeMessage([b"head", piece]))
    next(large)
    _, payload = next(large)
    assert isinstance(payload, memoryview)
    assert payload.obj is piece


def test_what_follows_is_kept_in_order() -> None:
    large = Fragmented(LargeMessage([b"x"]))
    second = LargeMessage([b"y"])
    large.then(b"a")
    large.follow(second)
    large.then(b"b")
    assert large.after == [b"a", second, b"b"]
