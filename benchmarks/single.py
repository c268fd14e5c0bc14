"""`fit` on one small net, against a loop written by hand and against other trainers."""

from typing import Any

from benchmarks import peers
from benchmarks.timing import Side, group, peer
from benchmarks.work import BATCH_SIZE, MOMENTUM, digits, small_net, steps, tensor_loop
from recipes_lib.train import fit

LR = 0.1


def _fit(num_epochs: int) -> None:
    fit(
        small_net(),
        digits(),
        num_epochs=num_epochs,
        batch_size=BATCH_SIZE,
        lr=LR,
        momentum=MOMENTUM,
    )


def overhead(rounds: int, num_epochs: int = 40) -> dict[str, Any]:
    """Compare a step of `fit`, metrics and all, with a step of the loop."""
    loop, units = "the tensor loop", steps(num_epochs, digits())
    sides = [
        Side(loop, lambda: tensor_loop(small_net, digits(), [LR], num_epochs), units),
        Side("fit", lambda: _fit(num_epochs), units, loop, "× the time of", "≤ 1.02"),
        Side(
            "the tensor loop without any scores",
            lambda: tensor_loop(small_net, digits(), [LR], num_epochs, metrics=False),
            units,
            loop,
            "× the time of",
        ),
    ]
    note = (
        "The loop reports what fit does, each epoch: "
        "training loss, and loss and accuracy on validation data."
    )
    return group("One MLP 64-128-10, digits: against a loop by hand", "step", sides, rounds, note)


def trainers(rounds: int, num_epochs: int = 20) -> dict[str, Any]:
    """Compare whole trainings: each library builds its trainer, trains and scores each epoch."""
    units = steps(num_epochs, digits())
    slower: dict[str, Any] = {"units": units, "than": "fit", "relation": "× the time of"}
    sides = [Side("fit", lambda: _fit(num_epochs), units)]
    for name, make in peers.TRAINERS.items():
        goal = "≥ 1.9" if name in ("Lightning", "skorch", "fastai") else ""
        sides.append(peer(name, lambda make=make: make(num_epochs, LR), **slower, reach=goal))
    note = (
        "Same net, data, batch size, epochs and scores; each library with its ordinary DataLoader, "
        "bars, logs and checkpoints off. "
        "Building the trainer counts, importing the library does not."
    )
    return group("The same, against other trainers", "step", sides, rounds, note)
