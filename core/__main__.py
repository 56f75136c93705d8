"""The command line: `python -m core COMMAND`. The same rules as the screens; `--json` prints one JSON document.

Exit code 0 only on success. Words for people go to standard output, progress and errors to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import StudioError

_READINGS = ("folders", "outer", "table", "names", "none")  # layouts.Kind; not imported, so that --help is quick
_FORMS = ("page", "torch", "timm", "fp16", "int8", "report", "pdf")  # records.PackageKind
_CHOICES = ("download", "scratch", "packaged")  # records.Choice


def main(arguments: list[str] | None = None) -> int:
    try:
        try:
            return _answer(arguments)
        finally:
            sys.stdout.flush()  # here, where whoever reads may have left; at exit Python would complain
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _answer(arguments: list[str] | None) -> int:
    wish = _parser().parse_args(arguments)
    # Imported late: `--help` and a misspelt command answer at once.
    from core import commands
    from core.commands import Failed

    try:
        answer = commands.run(wish)
    except StudioError as error:
        return _fail(str(error), wish.json)
    except KeyboardInterrupt:
        return _fail("Stopped. What was finished is kept.", wish.json)
    if wish.json:
        print(json.dumps(answer.document, ensure_ascii=False, indent=2))
    elif answer.text:
        print(answer.text)
    return 1 if isinstance(answer, Failed) else 0


def _fail(sentence: str, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": sentence}, ensure_ascii=False))
    print(sentence, file=sys.stderr)
    return 1


def _networks(command: Callable[[str, str], Any]) -> None:
    """Which networks there are, and what a run does that cannot have its weights."""
    one = command("answer", "say what a run does whose pretrained weights cannot be had")
    one.add_argument("run", metavar="RUN")
    one.add_argument("choice", choices=_CHOICES)
    one = command("architectures", "list what can be trained: the cards, or every network of timm's that WORDS fit")
    one.add_argument("words", nargs="*", metavar="WORDS")


def _leaving(command: Callable[[str, str], Any]) -> None:
    """How a model is taken away, shown to others, and brought here."""
    one = command("package", "say in which forms a model can be taken away, or make one and write it to a file")
    one.add_argument("model", metavar="MODEL", help="an id, or DATASET/instant, or DATASET/best")
    one.add_argument("form", nargs="?", choices=_FORMS, metavar="FORM", help=", ".join(_FORMS))
    one.add_argument(
        "destination", type=Path, nargs="?", metavar="DESTINATION", help="a file or folder; here otherwise"
    )
    one = command("share", "list the links to a model's try-it page, make one, or revoke one")
    one.add_argument("model", nargs="?", metavar="MODEL")
    what = one.add_mutually_exclusive_group()
    what.add_argument("--days", type=int, metavar="N", help="make a link that works for 1, 7 or 30 days; shown once")
    what.add_argument("--revoke", type=int, metavar="LINK", help="its number; it leads nowhere from then on")
    one = command("import-model", "bring in the bundle of a model from another Darkroom, or list those that came")
    one.add_argument("path", type=Path, nargs="?", metavar="BUNDLE", help="the zip as it was downloaded there")
    one.add_argument("--dataset", default="", metavar="NAME", help="that it answers for; made when there is none")


def _parser() -> argparse.ArgumentParser:
    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("--json", action="store_true", help="print one JSON document")
    parser = argparse.ArgumentParser(prog="python -m core", description="Darkroom teaches a computer to see.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, words: str) -> Any:
        return commands.add_parser(name, help=words, description=words, parents=[both])

    one = command("import", "add a folder or zip of pictures to a dataset, made when there is none of that name")
    one.add_argument("path", type=Path, metavar="PATH", help="a folder with one sub-folder a label, or a zip of it")
    one.add_argument("--dataset", required=True, metavar="NAME")
    one.add_argument(
        "--label", action="append", default=[], metavar="OLD=NEW", help="rename, merge (same NEW), or leave out (OLD=)"
    )
    one.add_argument(
        "--read", choices=_READINGS, default="", help="where the labels stand, when there are several ways to read them"
    )
    one.add_argument("--look", action="store_true", help="only say what was understood; add nothing")
    command("datasets", "list the datasets")
    one = command("findings", "say what is wrong with a dataset, worst first")
    one.add_argument("dataset", metavar="DATASET")
    one = command("enough", "say what more labelled pictures of a dataset should give")
    one.add_argument("dataset", metavar="DATASET")
    one = command("runs", "list the runs, or describe one")
    one.add_argument("run", nargs="?", metavar="RUN")
    one = command("models", "list the models, or describe one")
    one.add_argument("model", nargs="?", metavar="MODEL")
    one.add_argument(
        "--answer",
        type=int,
        metavar="PERCENT",
        help="of pictures that it shall answer, 50 to 100; a person gets the rest",
    )
    one = command("train", "put a training run into the queue")
    one.add_argument("dataset", nargs="?", metavar="DATASET")
    one.add_argument("--from", dest="origin", metavar="RUN", help="train that run longer, on its own pictures")
    one.add_argument("--begin", choices=["end", "best"], help="with --from: where; at its end unless said otherwise")
    one.add_argument("--architecture", default="efficientnet-lite0", metavar="NAME")
    one.add_argument(
        "--weights",
        choices=_CHOICES,
        default="",
        help="what to do where the pretrained weights are not on this machine",
    )
    one.add_argument("--epochs", type=int, default=5, metavar="N")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the recipe")
    one.add_argument("--wait", action="store_true", help="wait until the run is over")
    for name, words in (
        ("stop", "end a run and keep its best model"),
        ("pause", "pause a run; it keeps everything"),
        ("resume", "let a paused run go on at the very step it was paused at"),
        ("cancel", "end a run and keep nothing"),
        ("retry", "try a run again that failed or was cancelled"),
        ("prefer", "let a run go before others"),
    ):
        one = command(name, words)
        one.add_argument("run", metavar="RUN")
    one.add_argument("priority", type=int, metavar="PRIORITY", help="from -9 to 9; 0 is everybody's")
    _search(command("search", "find good settings for a dataset by trying some out, then train the best fully"))
    one = command("searches", "list the searches, or describe one")
    one.add_argument("search", nargs="?", metavar="SEARCH")
    _networks(command)
    one = command("predict", "ask a model about pictures or folders of pictures")
    one.add_argument("model", metavar="MODEL", help="an id, or DATASET/instant, or DATASET/best")
    one.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    one = command("export", "write a model's bundle to a folder, or to a file that ends in .zip or .onnx")
    one.add_argument("model", metavar="MODEL")
    one.add_argument("destination", type=Path, metavar="DESTINATION")
    _leaving(command)
    one = command("versions", "list the versions of a dataset, keep one, compare two, or go back to one")
    one.add_argument("dataset", metavar="DATASET")
    what = one.add_mutually_exclusive_group()
    what.add_argument("--keep", metavar="NAME", help="keep the dataset as it is now under this name")
    what.add_argument("--compare", nargs=2, metavar=("BEFORE", "AFTER"), help="names or numbers of versions, or `now`")
    what.add_argument("--restore", metavar="VERSION", help="make a version the present state; undo takes it back")
    one = command("export-data", "write the pictures and labels of a dataset to a folder, or to a file ending in .zip")
    one.add_argument("dataset", metavar="DATASET")
    one.add_argument("destination", type=Path, metavar="DESTINATION")
    one.add_argument("--version", default="now", metavar="VERSION", help="a version's name or number")
    one = command("merge", "make a new dataset of the pictures of several, each with where it came from")
    one.add_argument("name", metavar="NEW")
    one.add_argument("datasets", nargs="+", metavar="DATASET")
    one.add_argument("--prefer", metavar="DATASET", help="whose labels count for pictures that have different ones")
    _commands_of_the_machine(command)
    return parser


def _search(one: Any) -> None:
    one.add_argument("dataset", nargs="?", metavar="DATASET")
    one.add_argument("--kind", choices=["tpe", "random", "grid"], default="tpe", help="tpe learns from earlier trials")
    one.add_argument("--minutes", type=float, default=30, metavar="N", help="budget of all trials together")
    one.add_argument("--architecture", action="append", default=[], metavar="NAME", help="to try; may come again")
    one.add_argument(
        "--dial", action="append", default=[], metavar="NAME[=A,B,...]", help="what to turn, instead of the usual dials"
    )
    one.add_argument("--epochs", type=int, default=0, metavar="N", help="of a trial")
    one.add_argument("--full-epochs", type=int, default=0, metavar="N", help="of the winner")
    one.add_argument("--trials", type=int, default=0, metavar="N", help="at most so many")
    one.add_argument("--seed", type=int, default=0, metavar="N")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of all trials")
    one.add_argument("--plan", action="store_true", help="only say what would be tried and how many trials fit")
    one.add_argument("--wait", action="store_true", help="wait until the winner is trained")
    steer = one.add_mutually_exclusive_group()
    steer.add_argument("--stop", metavar="SEARCH", help="end that search now, and train the best it has")
    steer.add_argument("--pause", metavar="SEARCH")
    steer.add_argument("--resume", metavar="SEARCH")
    steer.add_argument("--cancel", metavar="SEARCH", help="end it and train nothing more")


def _commands_of_the_machine(command: Callable[[str, str], Any]) -> None:
    one = command("tokens", "list the tokens that let programs ask over HTTP, make one, or revoke one")
    what = one.add_mutually_exclusive_group()
    what.add_argument("--make", metavar="NAME", help="make one for a program; it is printed once and never again")
    what.add_argument("--revoke", type=int, metavar="TOKEN", help="its number; whoever asks with it is refused at once")
    command("doctor", "say what this machine is, what works, and what to do about what does not")
    command("serve", "run the background processes without a screen, until Ctrl-C")
    command("open", "open Darkroom in the browser")


if __name__ == "__main__":
    sys.exit(main())
