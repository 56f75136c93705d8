"""The headers of every response: what a browser may do with a page of ours, and what with bytes a person uploaded."""

from __future__ import annotations

import base64
import hashlib
import re

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)

ALWAYS: dict[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
}

# The page of a link to share tells nobody where it was, and is found by no search engine.
GUESTS: dict[str, str] = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex, nofollow"}

# A response that holds data is no page: opened on its own it may run and load nothing.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


def page_policy(index_html: str) -> str:
    """The Content-Security-Policy of the pages: own scripts, own connections, nothing from another host.

    Args:
        index_html: the page that holds the app. Its inline scripts are allowed by their hashes, which change with
            its releases and are therefore taken from the file itself.
    """
    inline = [script for script in _INLINE_SCRIPT.findall(index_html) if script.strip()]
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in inline)
    return (
        # blob: because Streamlit loads the inline part of a component from one.
        f"default-src 'self'; script-src 'self' blob: {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; font-src 'self' data:; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'self'"
    )
