"""The data half, measured: `python benchmarks/data.py SECTION [options]`. Prints ratios; nothing is asserted here.

Each section is a module of its own: `arguments(parser)` says what it takes, `run(wish)` measures and prints.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import (
    data_desk,
    data_enough,
    data_findings,
    data_gallery,
    data_import,
    data_news,
    data_upload,
    data_versions,
    worlds,
)

SECTIONS = {
    "import": data_import,
    "upload": data_upload,
    "versions": data_versions,
    "gallery": data_gallery,
    "findings": data_findings,
    "enough": data_enough,
    "news": data_news,
    "desk": data_desk,
}


if __name__ == "__main__":
    sys.exit(worlds.command(__doc__, SECTIONS, trials=3))
