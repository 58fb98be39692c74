from collab_server.protocol.close_codes import CloseReason


def test_reasons_fit_a_close_frame() -> None:
    assert all(len(reason.text.encode()) <= 123 for reason in CloseReason)


def test_labels_and_codes_are_unique() -> None:
    assert len({reason.code for reason in CloseReason}) == len(CloseReason)
    assert CloseReason.TRY_AGAIN.label == "try_again"
    assert CloseReason.TRY_AGAIN.code == 1013


def test_only_what_a_retry_cannot_cure_stops_a_client_for_good() -> None:
    final = {reason for reason in CloseReason if 4400 <= reason.code <= 4499}
    assert final == {
        CloseReason.BAD_FRAME,
        CloseReason.UNAUTHENTICATED,
        CloseReason.FORBIDDEN,
        CloseReason.ROOM_DELETED,
        CloseReason.KICKED,
    }
