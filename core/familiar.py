"""What the packaged network sees in the pictures of a run: by that a model whose own network began with nothing knows
what is strange to it.

The indexer has looked at nearly all of them already; the others are looked at here, so that nobody waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from core.errors import StudioError
from core.imaging.pool import DecoderPool
from core.index.backbone import SIDE, Backbone, usable_cores
from core.index.vector_file import WIDTH, LocalVectorFile
from core.ports import Files, Vectors
from core.settings import Settings
from core.stores import Store

PIECE = 64  # pictures that are decoded, then looked at

log = logging.getLogger("trainer")


class Seen:
    """By the packaged network."""

    def __init__(self, settings: Settings, files: Files, store: Store) -> None:
        self._settings, self._files, self._store = settings, files, store

    @property
    def network(self) -> bytes:
        """Its graph, to go with the model."""
        return self._settings.backbone_path.read_bytes()

    def vectors(self, sha256s: Sequence[str]) -> Vectors | None:
        """(N, 1280), one for each picture; None where that cannot be had, and the log says why."""
        rows = self._store.vectors.rows(sha256s)
        missing = [sha for sha in dict.fromkeys(sha256s) if sha not in rows]
        try:
            backbone = Backbone(self._settings.backbone_path, usable_cores())
            found = dict(zip(missing, self._looked_at(backbone, missing), strict=True))
            kept = LocalVectorFile(self._files.vectors()).read(list(rows.values()))
        except StudioError as error:
            log.warning("What is strange to this model is told by its own network, not by the packaged one: %s", error)
            return None
        found |= dict(zip(rows, kept, strict=True))
        return np.stack([found[sha] for sha in sha256s])

    def _looked_at(self, backbone: Backbone, sha256s: Sequence[str]) -> Vectors:
        """Raises StudioError: one of the pictures cannot be read any more."""
        found = [np.empty((0, WIDTH), np.float32)]
        with DecoderPool(self._settings.decoders, self._settings.picture_limit_bytes) as decoder:
            for start in range(0, len(sha256s), PIECE):
                sources = [self._files.picture(sha) for sha in sha256s[start : start + PIECE]]
                squares = {at: square for at, square in decoder.resized(sources, SIDE) if square is not None}
                if len(squares) < len(sources):
                    raise StudioError("A picture of the run cannot be read any more.")
                found.append(backbone.vectors(np.stack([squares[at] for at in range(len(sources))])))
        return np.concatenate(found)
