"""The start: what is refused before anything is opened, and the life of the web process beside its requests."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

from core.errors import DiskFull, StudioError
from core.serving import demands, lifespan, server
from core.settings import Settings
from tests.serving.world import open_world
from tests.worlds import NoServices

ROOT = Path(__file__).parents[2]


def as_demanded(settings: Settings) -> dict[str, object]:
    return {**demands.DEMANDS, **demands.own(settings)}


def test_settings_that_are_as_demanded_are_let_through(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    demands.check(as_demanded(settings).__getitem__, settings)


@pytest.mark.parametrize("name", list(demands.DEMANDS))
def test_a_streamlit_setting_that_did_not_arrive_refuses_the_start(tmp_path: Path, name: str) -> None:
    settings = Settings(home=tmp_path)
    found = {**as_demanded(settings), name: "something else"}
    with pytest.raises(StudioError, match=name.replace(".", r"\.")):
        demands.check(found.__getitem__, settings)


def test_the_file_beside_the_app_says_what_is_demanded() -> None:
    file = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    said = {f"{section}.{name}": value for section, options in file.items() for name, value in options.items()}
    unsaid = {"server.enableAgentApi", "server.baseUrlPath", "global.developmentMode"}  # Streamlit's own defaults do
    assert {name: said.get(name) for name in demands.DEMANDS if name not in unsaid} == {
        name: value for name, value in demands.DEMANDS.items() if name not in unsaid
    }


def test_on_an_open_network_the_gate_alone_decides_about_hosts(tmp_path: Path) -> None:
    assert demands.own(Settings(home=tmp_path))["server.allowedHosts"] == ["127.0.0.1", "localhost", "::1"]
    opened = Settings(home=tmp_path, address="0.0.0.0", open_to_network=True)
    assert demands.own(opened)["server.allowedHosts"] == ["*"]


def test_a_port_that_is_taken_refuses_the_start_before_anything_is_opened(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(home=tmp_path / "home", port=taken.getsockname()[1])
        with pytest.raises(StudioError, match="DARKROOM_PORT"):
            server.serve(settings, browser=False)
    assert not (tmp_path / "home").exists()


def test_an_answer_leaves_at_once_and_waits_for_no_acknowledgement_of_its_head(tmp_path: Path) -> None:
    told: list[int] = []

    async def once(listening: socket.socket) -> None:
        seen = asyncio.Event()

        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            told.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()
            seen.set()

        async with await asyncio.start_server(accepted, sock=listening):
            with socket.create_connection(listening.getsockname()):
                await asyncio.wait_for(seen.wait(), 10)

    with server._bound(Settings(home=tmp_path, port=0)) as listening:
        asyncio.run(once(listening))
    assert told and all(told)


def test_the_web_process_says_that_it_is_there_and_wakes_the_scheduler(tmp_path: Path) -> None:
    studio = open_world(tmp_path / "home")
    closed: list[bool] = []
    studio.decoder.close = lambda: closed.append(True)  # type: ignore[method-assign]

    async def live() -> None:
        async with lifespan.lifespan(studio)(None):
            while "web" not in studio.store.services.all():
                await asyncio.sleep(0.01)
            logging.getLogger("core.somewhere").error("said in between")

    asyncio.run(live())
    assert studio.store.services.all()["web"].detail == {"pid": os.getpid()}
    assert isinstance(studio.services, NoServices) and studio.services.woken
    assert closed == [True]
    assert "said in between" in studio.files.log("web").read_text()
    assert "darkroom-heart" not in {thread.name for thread in threading.enumerate()}


def test_the_heart_beats_on_when_the_disk_is_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    studio = open_world(tmp_path / "home")
    done = threading.Event()
    tries: list[str] = []

    def full(name: str, detail: Any = None) -> None:
        tries.append(name)
        if len(tries) == 3:
            done.set()
        raise DiskFull("The disk is nearly full.")

    studio.store.services.alive = full  # type: ignore[method-assign]
    lifespan.beat(studio, done, every_s=0.0)
    assert tries == ["web"] * 3
    assert "The disk is nearly full." in caplog.text and "Traceback" not in caplog.text
