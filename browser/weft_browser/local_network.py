"""Why a page from elsewhere may not reach a server near the user (Chrome's Local Network Access)."""

from __future__ import annotations

_PERMISSION = "; Chrome asks the user before a page from elsewhere may reach the local network: was that refused?"


def near(url: str) -> bool:
    """Is the host of ``url`` this machine, or one of a private network, as far as its name says?"""
    import ipaddress  # only when something went wrong: a start does not pay for them
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private or address.is_loopback or address.is_link_local


def unreached(url: str, page: str, trouble: str) -> str:
    """``trouble`` of a ``fetch`` of ``url`` by a page at ``page``, and what a browser does not say of it."""
    return trouble + (_PERMISSION if near(url) and not near(page) else "")
