"""People who look at a page, without browsers: sessions that speak Streamlit's own protocol and time each render."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


@dataclass(frozen=True, slots=True)
class Renders:
    """Seconds from asking for a page to its last element."""

    seconds: list[float]
    failed: int

    def percentile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def watch(port: int, page: str, query: str, viewers: int, seconds: float, every_s: float = 2.0) -> Renders:
    """`viewers` sessions that each ask for `page` again every `every_s`, for `seconds`."""
    return asyncio.run(_watch(port, page, query, viewers, seconds, every_s))


async def _watch(port: int, page: str, query: str, viewers: int, seconds: float, every_s: float) -> Renders:
    times: list[float] = []
    ends_at = time.monotonic() + seconds
    tasks = []
    for _ in range(viewers):
        tasks.append(asyncio.create_task(_viewer(port, page, query, ends_at, every_s, times)))
        await asyncio.sleep(every_s / viewers)
    done = await asyncio.gather(*tasks, return_exceptions=True)
    return Renders(times, sum(isinstance(one, BaseException) for one in done))


async def _viewer(port: int, page: str, query: str, ends_at: float, every_s: float, times: list[float]) -> None:
    address, origin = f"ws://127.0.0.1:{port}/_stcore/stream", f"http://127.0.0.1:{port}"
    async with websockets.connect(address, subprotocols=["streamlit"], origin=origin, max_size=None) as socket:  # type: ignore[arg-type, list-item]
        while time.monotonic() < ends_at:
            began_s = time.perf_counter()
            await _ask(socket, page, query)
            times.append(time.perf_counter() - began_s)
            await asyncio.sleep(max(0.0, every_s - times[-1]))


async def _ask(socket: websockets.ClientConnection, page: str, query: str) -> None:
    message = BackMsg()
    message.rerun_script.query_string = query
    message.rerun_script.page_name = page
    await socket.send(message.SerializeToString())
    while True:
        answer = ForwardMsg()
        answer.ParseFromString(await asyncio.wait_for(socket.recv(), 120))
        if answer.WhichOneof("type") == "script_finished":
            return
