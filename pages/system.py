"""System: what this machine is, what runs on it, and what to do about what does not."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version

import streamlit as st

from core.records import Service
from pages import studio, tokens
from pages.parts import frame, markup, states
from pages.parts.text import ago, count, file_size

SERVICES = {
    "scheduler": "Starts trainings and revives the other processes",
    "indexer": "Looks at new pictures and fits the instant models",
    "predictor": "Answers pictures on the Try it screen",
    "surveyor": "Works out what takes longer, when it is asked for",
    "searcher": "Carries on searches for good settings, while there are any",
    "explainer": "Works out why a model answers as it does, when it is asked",
}
ON_DEMAND = ("surveyor", "searcher", "explainer")  # not there while there is nothing to do
SILENT_S = 20.0  # a heartbeat older than this means nobody is there
LIBRARIES = ("streamlit", "plotly", "torch", "timm", "onnxruntime", "scikit-learn", "pillow")
darkroom = studio()


def page() -> None:
    frame.head("System", "Everything runs on this server and stays here.")
    st.fragment(services, run_every=5.0)()
    tokens.section(darkroom)
    markup.section("This machine")
    markup.draw(markup.facts(machine()))
    markup.section("Where things are")
    markup.draw(markup.facts(places()))
    with st.expander("Settings in force", icon=":material/settings:"):
        shown = asdict(darkroom.settings) | {"database_url": "set" if darkroom.settings.database_url else ""}
        markup.draw(
            markup.facts({f"DARKROOM_{name.upper()}": str(value) or "not set" for name, value in shown.items()})
        )
    logs()


def services() -> None:
    with states.sentences():
        markup.section("What runs")
        found, now = darkroom.store.services.all(), time.time()
        with st.grid(3, min_column_width=280):
            for name, words in SERVICES.items():
                with st.container(border=True, height="stretch"):
                    markup.draw(
                        markup.state(f"{name.capitalize()}: {heard(name, found, now)}", light(name, found, now))
                    )
                    markup.draw(markup.words(words, quiet=True, small=True))
        if any(light(name, found, now) == "warn" for name in SERVICES):
            states.problem(
                "Something that should run does not answer. Its log below says why. The scheduler revives the others "
                "by itself within seconds; it is started again with the button."
            )
            if st.button("Start what is missing", type="primary", icon=":material/restart_alt:"):
                darkroom.services.wake()


def heard(name: str, services: Mapping[str, Service], now: float) -> str:
    service = services.get(name)
    if service and now - service.heartbeat_at < SILENT_S:
        return "at work"
    if name in ON_DEMAND:
        return "nothing to do"
    return f"silent, last heard of {ago(service.heartbeat_at, now)}" if service else "not started yet"


def light(name: str, services: Mapping[str, Service], now: float) -> str:
    service = services.get(name)
    if service and now - service.heartbeat_at < SILENT_S:
        return "good"
    return "" if name in ON_DEMAND else "warn"


def machine() -> dict[str, str]:
    scheduler = darkroom.store.services.all().get("scheduler")
    devices = [str(one) for one in scheduler.detail.get("devices", [])] if scheduler else []
    gpus = [one for one in devices if one != "cpu"]
    trains_on = f"graphics card {', '.join(gpus)}" if gpus else "the processor: no graphics card was found"
    return {
        "Processor": f"{count(os.cpu_count() or 1, 'core')}, {platform.machine()}",
        "Memory": file_size(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        "Trainings run on": trains_on,
        "Free disk": file_size(darkroom.files.free_bytes()),
        "System": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "Libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }


def places() -> dict[str, str]:
    settings = darkroom.settings
    return {
        "Data folder": str(settings.home),
        "Database": "in the data folder (SQLite)" if not settings.database_url else "the one in DARKROOM_DATABASE_URL",
        "Backbone": "in its place" if settings.backbone_path.exists() else "missing: run `make setup` once",
    }


def logs() -> None:
    markup.section("Logs")
    for name in SERVICES:
        with st.expander(name.capitalize(), icon=":material/notes:", key=f"log-{name}", on_change="rerun") as log:
            if log.open:
                st.code(tail(name) or "Nothing has been said yet.", language=None, height=320)


def tail(name: str, limit_bytes: int = 20_000) -> str:
    file = darkroom.files.log(name)
    if not file.exists():
        return ""
    with file.open("rb") as source:
        source.seek(max(0, file.stat().st_size - limit_bytes))
        return source.read().decode("utf-8", "replace")


with states.sentences():
    page()
