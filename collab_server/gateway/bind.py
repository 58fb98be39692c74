"""Which addresses the server may listen on while anybody may connect. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from collab_server.errors import ConfigError


def check_bind(host: str, addresses: Iterable[str], *, allow_anonymous: bool) -> None:
    """Refuse to be reachable from other machines without authentication, unless it is asked for.

    `addresses` are the numeric addresses that `host` stands for. Raises ConfigError.
    """
    if allow_anonymous:
        return
    open_to_others = [address for address in addresses if not is_loopback(address)]
    if open_to_others:
        raise ConfigError(
            f"host {host!r} ({', '.join(open_to_others)}) can be reached from other machines, and anybody "
            "who reaches this server may read and write every document. Listen on 127.0.0.1, with a proxy "
            "before it that checks who comes in; or, if everybody there may do everything, start with "
            "--allow-anonymous."
        )


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches a numeric address; the unspecified ones (0.0.0.0, ::) are not.

    Neither is what is no address, such as the name that a test client or a proxy puts there.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)
