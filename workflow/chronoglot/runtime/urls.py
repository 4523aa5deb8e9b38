"""What is a URL, and which can be trusted to give what their server has."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_url(name: str) -> bool:
    """Whether it is a URL and not a path."""
    return name.startswith(("https://", "http://"))


def is_open(url: str) -> bool:
    """Whether others on the way can change what a URL gives: it is http, of another machine."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return False
    host = parts.hostname or ""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
