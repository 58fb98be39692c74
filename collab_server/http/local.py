"""What is answered to this machine alone: numbers and names that are nobody else's business.

Owns the question whether a request comes from here and means us.
"""

from __future__ import annotations

import ipaddress

from fastapi import Request

# A proxy on this machine connects from loopback on behalf of anybody, and says so in one of these.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def is_local(request: Request) -> bool:
    """Whether a request comes from this machine directly, and was made for its own address."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    # A page of a foreign site whose name was made to mean 127.0.0.1 asks under that name; browsers always
    # send one.
    return _is_loopback(request.client.host) and _names_loopback(request.headers.get("host", "localhost"))


def _names_loopback(host: str) -> bool:
    name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".") == "localhost" or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
