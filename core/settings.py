"""Settings: one frozen object, read once from `DARKROOM_*` variables and an optional file.

The file is `darkroom.toml` in the data folder, with the same names in small letters and without the prefix.
A variable wins over the file. A value that cannot be understood refuses the start with a sentence.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from core.errors import StudioError

MIB = 1 << 20
GIB = 1 << 30
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Settings:
    home: Path  # everything Darkroom writes is below it
    address: str = "127.0.0.1"
    port: int = 8501
    open_to_network: bool = False  # must be true in so many words before `address` may leave this machine
    share_to_network: bool = False  # other machines reach links to share and the HTTP API, and nothing else
    allowed_hosts: str = ""  # further host names the browser may use, comma-separated
    database_url: str = ""  # empty: SQLite in the data folder
    backbone: str = ""  # empty: build/backbone.onnx beside the program, made by `make setup`
    device: str = "auto"  # auto, cuda, mps, cpu
    decoders: int = 0  # decoding processes of the indexer; 0: one a core, at most 8
    upload_limit_bytes: int = 8 * GIB  # one upload
    picture_limit_bytes: int = 50 * MIB  # one picture
    disk_reserve_bytes: int = 2 * GIB  # nothing new is started below this much free space
    spool_limit_bytes: int = 1 * GIB  # decoded pictures that wait for their vector
    cache_limit_bytes: int = 20 * GIB  # pictures resized once for training
    idle_exit_s: float = 600.0  # background processes without screen and work end after this; 0: never
    warm_s: float = 600.0  # a trainer waits so long, with everything loaded, for who was about to train; 0: none does
    lease_s: float = 15.0  # a trainer whose heartbeat does not move for so long is lost
    api_per_minute: int = 600  # pictures that one token may ask about; a tenth of it at once
    hub: str = "https://huggingface.co"  # where weights are downloaded from once a person said so; empty: nowhere
    stuck_s: float = 1200.0  # a trainer that makes no step for so long is stuck

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'darkroom.db'}"

    @property
    def backbone_path(self) -> Path:
        return Path(self.backbone) if self.backbone else Path(__file__).parent.parent / "build" / "backbone.onnx"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that a request may carry."""
        extra = tuple(name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip())
        return (*LOOPBACK, *extra)


def _parse(name: str, kind: str, raw: object) -> object:
    try:
        if kind == "Path":
            return Path(str(raw)).expanduser().absolute()
        if kind == "bool":
            if str(raw).strip().lower() in ("1", "true", "yes", "on"):
                return True
            if str(raw).strip().lower() in ("0", "false", "no", "off", ""):
                return False
            raise ValueError
        if kind == "int":
            return int(str(raw))
        if kind == "float":
            return float(str(raw))
        return str(raw)
    except ValueError:
        wanted = {"bool": "yes or no", "int": "a whole number", "float": "a number"}.get(kind, kind)
        raise StudioError(f"DARKROOM_{name.upper()} is {str(raw)!r}, but must be {wanted}.") from None


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from variables and, below them, the file.

    Raises:
        StudioError: a value cannot be understood, or would open Darkroom to the network unasked.
    """
    home = Path(environment.get("DARKROOM_HOME") or "~/.darkroom").expanduser().absolute()
    found: dict[str, object] = {}
    file = home / "darkroom.toml"
    if file.exists():
        try:
            found.update(tomllib.loads(file.read_text("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise StudioError(f"The settings file darkroom.toml cannot be read: {error}.") from None
    known = {field.name: str(field.type) for field in fields(Settings)}
    for name in known:
        if (value := environment.get(f"DARKROOM_{name.upper()}")) is not None:
            found[name] = value
    if unknown := sorted(set(found) - set(known)):
        raise StudioError(f"The settings file has names Darkroom does not know: {', '.join(unknown)}.")
    found["home"] = home
    settings = Settings(**{name: _parse(name, known[name], value) for name, value in found.items()})  # type: ignore[arg-type]
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if settings.address not in LOOPBACK and not (settings.open_to_network or settings.share_to_network):
        raise StudioError(
            f"Darkroom has no log-in yet and was asked to listen on {settings.address}, where other machines can "
            "reach it. Use 127.0.0.1, or set DARKROOM_SHARE_TO_NETWORK=yes if they may use links to share and the "
            "HTTP API alone, or DARKROOM_OPEN_TO_NETWORK=yes if everybody there may see and change everything."
        )
    if not 0 <= settings.port <= 65535:
        raise StudioError(f"DARKROOM_PORT is {settings.port}, but must be between 0 and 65535.")
    if settings.device not in ("auto", "cuda", "mps", "cpu"):
        raise StudioError(f"DARKROOM_DEVICE is {settings.device!r}, but must be auto, cuda, mps or cpu.")
