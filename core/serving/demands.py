"""What Darkroom must have of Streamlit's settings. Read back at the start: a setting that did not arrive says nothing.

`.streamlit/config.toml` says the same; variables named STREAMLIT_* and flags may have overruled it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.errors import StudioError
from core.settings import Settings

DEMANDS: Mapping[str, object] = {
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.corsAllowedOrigins": [],
    "server.enableStaticServing": False,  # that folder would be open to everybody
    "server.enableAgentApi": False,
    "server.baseUrlPath": "",  # the gate knows our paths from the root
    "server.fileWatcherType": "none",
    "runner.postScriptGC": False,  # else the collector runs after every run of a script: 50 ms and more of CPU
    "runner.magicEnabled": False,
    "client.showErrorDetails": "none",  # a traceback is for the log
    "client.showSidebarNavigation": False,
    "browser.gatherUsageStats": False,  # nothing is sent to another host
    "global.developmentMode": False,
}


def own(settings: Settings) -> dict[str, object]:
    """Streamlit's settings that follow from ours."""
    return {
        "server.address": settings.address,
        "server.port": settings.port,
        # Streamlit knows no "any number, but no name": on an open network the gate alone decides.
        "server.allowedHosts": ["*"] if settings.open_to_network or settings.share_to_network else list(settings.hosts),
    }


def check(get_option: Callable[[str], object], settings: Settings) -> None:
    """Compares what Streamlit has understood with what Darkroom demands.

    Raises:
        StudioError: one of them differs; Darkroom must not start.
    """
    for name, wanted in {**DEMANDS, **own(settings)}.items():
        if (found := get_option(name)) != wanted:
            raise StudioError(
                f"Darkroom needs the Streamlit setting {name} to be {wanted!r}, but it is {found!r}. "
                "Remove it from ~/.streamlit/config.toml and from the variables that begin with STREAMLIT_."
            )
