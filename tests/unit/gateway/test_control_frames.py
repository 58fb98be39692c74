"""Close codes and reasons on the wire (RFC 6455 §5.5, §7.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.gateway.control_frames import (
    CLOSE,
    PING,
    close_payload,
    control_frame,
    is_close_code,
    read_close,
)
from collab_server.gateway.violations import INVALID_TEXT, PROTOCOL_ERROR, FrameViolation
from collab_server.protocol.close_codes import CloseReason


def test_control_frames_are_final_and_unmasked() -> None:
    assert control_frame(PING) == b"\x89\x00"
    assert control_frame(CLOSE, b"\x03\xe8") == b"\x88\x02\x03\xe8"


@given(reason=st.text(max_size=200))
def test_a_reason_fits_and_stays_text(reason: str) -> None:
    payload = close_payload(1000, reason)

    assert len(payload) <= 125
    assert reason.encode("utf-8", "replace").startswith(payload[2:])
    assert read_close(payload) == 1000


def test_a_reason_is_cut_between_characters() -> None:
    assert close_payload(1000, "a" + "ä" * 100) == b"\x03\xe8a" + "ä".encode() * 61


def test_a_lone_surrogate_does_not_stop_a_close() -> None:
    assert close_payload(1000, "a\ud800") == b"\x03\xe8a?"


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_codes_that_must_not_be_sent(code: int) -> None:
    assert not is_close_code(code)
    with pytest.raises(FrameViolation) as caught:
        read_close(code.to_bytes(2, "big"))
    assert caught.value.code == PROTOCOL_ERROR
    with pytest.raises(ValueError, match=str(code)):
        close_payload(code)


@pytest.mark.parametrize(
    "code", [1000, 1001, 1012, 1014, 3000, 4400, 4999, *(reason.code for reason in CloseReason)]
)
def test_codes_that_may_be_sent(code: int) -> None:
    assert read_close(close_payload(code)) == code


def test_a_close_without_a_code() -> None:
    assert read_close(b"") is None


@pytest.mark.parametrize(("payload", "code"), [(b"\x03", PROTOCOL_ERROR), (b"\x03\xe8\xff", INVALID_TEXT)])
def test_broken_close_payloads(payload: bytes, code: int) -> None:
    with pytest.raises(FrameViolation) as caught:
        read_close(payload)
    assert caught.value.code == code
