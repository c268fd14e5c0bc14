"""`python -m benchmarks`: measure everything side by side, then write the record and the figure of
the book's page.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmarks import augmenting, batches, cores, deploying, growth, importing, page, single, sweep
from recipes_lib.book import speed
from recipes_lib.book.files import write_whole
from recipes_lib.hardware import stamp

GROUPS: dict[str, Callable[[int], dict[str, Any]]] = {
    "one_thread": sweep.one_thread,
    "peak": sweep.peak,
    "short": sweep.short,
    "two_cores_compiled": cores.two_cores_compiled,
    "two_cores": cores.two_cores,
    "convolutions": sweep.convolutions,
    "overhead": single.overhead,
    "trainers": single.trainers,
    "delivery": batches.delivery,
    "augmenting": augmenting.augmenting,
    "importing": importing.importing,
    "deploying_mlp": deploying.deploying_mlp,
    "deploying_cnn": deploying.deploying_cnn,
    "growth": growth.growth,
}
LIBRARIES = (
    "torch",
    "joblib",
    "accelerate",
    "lightning",
    "skorch",
    "fastai",
    "ray",
    "onnxruntime",
    "torchao",
)


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    start, groups = time.perf_counter(), []
    for name in arguments.only or GROUPS:
        groups.append(GROUPS[name](arguments.rounds))
        print(page.lines(groups[-1]), flush=True)
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": arguments.rounds,
        "seconds": time.perf_counter() - start,
        "machine": stamp(torch.device("cpu")),
        "cores": os.cpu_count(),
        "versions": {library: _version(library) for library in LIBRARIES},
        "groups": groups,
    }
    root = Path(__file__).parents[1]
    if arguments.only:
        record = merged(record, json.loads((root / speed.TABLE).read_text(encoding="utf-8")))
    print(speed.about(record))
    write(record, root)


def merged(new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """Return the old record with the new groups in their places or at its end; their notes say
    where it was elsewhere.

    Raises `ValueError` where rounds or versions differ.
    """
    both = [name for name, found in new["versions"].items() if found and old["versions"][name]]
    for what, mine, theirs in (
        ("rounds", new["rounds"], old["rounds"]),
        ("versions", *({name: record["versions"][name] for name in both} for record in (new, old))),
    ):
        if mine != theirs:
            raise ValueError(
                f"the record differs in {what} ({theirs}, now {mine}); measure everything"
            )
    place, elsewhere = ((record["machine"]["processor"], record["cores"]) for record in (new, old))
    where = "" if place == elsewhere else f" Measured on {place[0]}, {place[1]} cores."
    found = {
        group["title"]: {**group, "note": (group["note"] + where).strip()}
        for group in new["groups"]
    }
    kept = [found.pop(group["title"], group) for group in old["groups"]]
    return {**old, "groups": [*kept, *found.values()]}


def write(record: dict[str, Any], root: Path) -> None:
    """Write the figure, and then the record, whole or not at all."""
    (growing,) = (group for group in record["groups"] if "sizes" in group)
    page.draw(growing, root / speed.FIGURE)
    write_whole(root / speed.TABLE, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=30, help="rounds of each comparison (default 30)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=GROUPS,
        help="measure these groups anew and keep the rest of the record",
    )
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds: take at least 1")
    return arguments


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
