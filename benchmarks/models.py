"""A trained model, measured: `python benchmarks/models.py SECTION [options]`. Prints figures; nothing is asserted here.

Each section is a module of its own: `arguments(parser)` says what it takes, `run(wish)` measures and prints.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import (
    models_doubt,
    models_erase,
    models_explain,
    models_export,
    models_predict,
    models_travel,
    worlds,
)

SECTIONS = {
    "doubt": models_doubt,
    "erase": models_erase,
    "explain": models_explain,
    "export": models_export,
    "predict": models_predict,
    "travel": models_travel,
}


if __name__ == "__main__":
    sys.exit(worlds.command(__doc__, SECTIONS, trials=1))
