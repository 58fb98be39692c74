"""Variable-length integers and strings of lib0, as far as the generator reads and writes them.

Owns the byte level only. Input comes from the server under test, so a malformed message raises `BadMessage`
and fails the run.
"""

from __future__ import annotations


class BadMessage(ValueError):
    """The server under test sent bytes that a stock client would not understand."""


def var_uint(number: int) -> bytes:
    """Encode as lib0's `writeVarUint`: seven bits a byte, lowest first."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def var_bytes(data: bytes) -> bytes:
    return var_uint(len(data)) + data


def var_string(text: str) -> bytes:
    return var_bytes(text.encode())


def read_var_uint(data: bytes, at: int) -> tuple[int, int]:
    """Return (number, position after it)."""
    try:
        byte = data[at]
        at += 1
        if byte < 0x80:
            return byte, at
        number = byte & 0x7F
        shift = 7
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number, at
            shift += 7
    except IndexError:
        raise BadMessage("a number runs past the end of its message") from None


def read_var_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Return (bytes, position after them)."""
    size, at = read_var_uint(data, at)
    end = at + size
    if end > len(data):
        raise BadMessage("a byte string runs past the end of its message")
    return data[at:end], end


def read_var_string(data: bytes, at: int) -> tuple[str, int]:
    """Return (text, position after it)."""
    raw, at = read_var_bytes(data, at)
    return raw.decode(errors="surrogatepass"), at
