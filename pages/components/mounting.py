"""How a component comes to the page: a tiny inline loader that imports the real module from our own address.

Streamlit sends inline JavaScript again at each change of the data, so the loader is all that is inline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import streamlit as st

from pages.components import assets

LOADER = """
export default function (component) {
  const at = (name) => new URL(component.data.assets[name], location.origin).href;
  const mounted = import(at("kit.js")).then((kit) => kit.mount(component, at));
  return () => mounted.then((unmount) => unmount());
}
"""


class Mount(Protocol):
    """Draws the component; gives what it triggered in this run, by trigger name."""

    def __call__(self, key: str, data: Mapping[str, Any], needs: tuple[str, ...] = ()) -> dict[str, Any]: ...


def component(name: str, triggers: tuple[str, ...], min_height: int) -> Mount:
    """The component of `assets/<name>.js` and `assets/<name>.css`.

    Args:
        triggers: names the module may fire; each gives one payload for one run.
        min_height: px that are reserved before the module has drawn, so that the page does not jump.
    """
    render = st.components.v2.component(
        f"darkroom_{name}",
        html='<div class="root"></div>\n<!-- drawn by the module -->',
        css=f":host {{ display: block; }}\n.root {{ min-height: {min_height}px; }}",
        js=LOADER,
    )

    def mount(key: str, data: Mapping[str, Any], needs: tuple[str, ...] = ()) -> dict[str, Any]:
        files = {file: assets.url(file) for file in ("kit.js", "kit.css", f"{name}.js", f"{name}.css", *needs)}
        # Streamlit only hands a trigger over when a callback of its name is there.
        callbacks: dict[str, Any] = {f"on_{trigger}_change": _nothing for trigger in triggers}
        result = render(key=key, data={**data, "assets": files, "module": name}, **callbacks)
        return {trigger: getattr(result, trigger, None) for trigger in triggers}

    return mount


def _nothing() -> None:
    """The trigger's value is read from the result instead."""
