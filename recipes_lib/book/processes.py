"""How many kernels may run at once, on how many threads, and how a run is asked to stop."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def kernels_at_once(device: str = "auto") -> int:
    """How many kernels may run at once: one a processor, but alone on an accelerator, whose memory
    and time they would share.
    """
    # Late, for who starts no kernel. joblib knows the limits of a container.
    from joblib import cpu_count

    from recipes_lib.hardware import resolve_device

    alone = device != "cpu" and resolve_device(device).type != "cpu"
    return 1 if alone else int(cpu_count())


class Stop:
    """Whether a run was asked to stop."""

    # No threading.Event: a handler that sets one waits forever for the lock of a wait it cut into.
    asked = False

    def wait(self, seconds: float) -> bool:
        """Sleep, and say whether the run was asked to stop."""
        time.sleep(seconds)
        return self.asked


@contextmanager
def stop_signal() -> Iterator[Stop]:
    """Note the first Ctrl-C or SIGTERM and ignore the others, so that no exception cuts a write in
    half, however many come.
    """
    stop = Stop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(handler: Any) -> None:
        for number in before:
            signal.signal(number, handler)

    def note(*_: object) -> None:
        # Ignored, not noted again: handlers nest, and a storm of signals would nest them too deep.
        handle(signal.SIG_IGN)
        stop.asked = True

    handle(note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
