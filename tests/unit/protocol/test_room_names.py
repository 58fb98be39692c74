import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import BadRoomName
from collab_server.protocol.room_names import MAX_NAME_BYTES, canonical_name, room_from_path


@pytest.mark.parametrize(
    ("path", "room"),
    [
        (b"/my-room", "my-room"),
        (b"/class/7b/notes", "class/7b/notes"),
        (b"/two%20words", "two words"),
        ("/Grüße".encode(), "Grüße"),
        (b"/Gr%C3%BC%C3%9Fe", "Grüße"),
        (b"/%252e", "%2e"),
        (b"/a.", "a."),
        (b"/a ", "a "),
    ],
)
def test_a_path_is_decoded_once(path: bytes, room: str) -> None:
    assert room_from_path(path) == room


@pytest.mark.parametrize(
    "path",
    [
        *[b"/", b"", b"/a//b", b"/a/", b"/../x", b"/%2e%2e%2fx", b"/.", b"/a/./b"],
        *[b"/%", b"/%zz", b"/%f", b"/a%00b", b"/a%0ab", b"/\xff", b"/%ff", b"/%ed%a0%80"],
        b"/" + b"x" * 256,
    ],
)
def test_what_is_no_name_is_refused(path: bytes) -> None:
    with pytest.raises(BadRoomName):
        room_from_path(path)


def test_the_base_path_is_stripped_once() -> None:
    assert room_from_path(b"/collab/collab/x", base_path="/collab") == "collab/x"
    assert room_from_path(b"/collab/x", base_path="/collab/") == "x"
    for path in (b"/other/x", b"/collab", b"/collabx/y"):
        with pytest.raises(BadRoomName):
            room_from_path(path, base_path="/collab")


def test_twins_of_different_composition_are_one_room() -> None:
    composed, decomposed = "é", "e\u0301"
    assert composed != decomposed
    assert canonical_name(composed) == canonical_name(decomposed)


@given(st.text(max_size=300))
def test_a_canonical_name_stays_what_it_is(name: str) -> None:
    try:
        canonical = canonical_name(name)
    except BadRoomName:
        return
    assert canonical_name(canonical) == canonical
    assert room_from_path(b"/" + quote(canonical, safe="/").encode()) == canonical
    assert len(canonical.encode()) <= MAX_NAME_BYTES
    assert unicodedata.is_normalized("NFC", canonical)
    assert not {"", ".", ".."} & set(canonical.split("/"))


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(BadRoomName, match="surrogate"):
        canonical_name("a\ud800")


def test_a_name_that_is_far_too_long_is_refused_before_it_is_composed() -> None:
    """Story: 15 kB of combining marks kept the server busy for 115 ms."""
    with pytest.raises(BadRoomName, match="characters"):
        canonical_name("a" + "\u0301\u0316" * 7000)
