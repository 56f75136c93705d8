"""`Studio`, the frozen bundle of ports that everything is handed.

Nouns are plain functions that take the Studio first and reach the world only through it, so that a test may hand
them another world. The ports stand in `core.ports` and `core.stores`; `core.embedded` wires their implementations.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.ports import Decoder, Files, Predictor, Services, VectorFile
from core.settings import Settings
from core.stores import Store


@dataclass(frozen=True, slots=True)
class Studio:
    """Everything Darkroom is, handed to every noun."""

    settings: Settings
    store: Store
    files: Files
    decoder: Decoder
    vectors: VectorFile
    predictor: Predictor
    services: Services
    who: str = field(default="you")  # whose actions these are; log-ins come later
