"""A trained model, measured: `python benchmarks/models.py SECTION [options]`. Prints figures; nothing is asserted here.

Each section is a module of its own: `arguments(parser)` says what it takes, `run(wish)` measures and prints.
"""

from __future__ import annotations

import argparse
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sections = parser.add_subparsers(dest="section", required=True, metavar="SECTION")
    for name, module in SECTIONS.items():
        section = sections.add_parser(name, description=module.__doc__)
        section.add_argument("--trials", type=int, default=1)
        module.arguments(section)
    wish = parser.parse_args()
    print(worlds.header(wish.trials))
    SECTIONS[wish.section].run(wish)
    return 0


if __name__ == "__main__":
    sys.exit(main())
