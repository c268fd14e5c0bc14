"""How many kernels may run at once, on how many threads, and how a run is asked to stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

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


@contextmanager
def stop_signal() -> Iterator[Event]:
    """Turn Ctrl-C and SIGTERM into an event, so that no exception cuts a write in half."""
    stop = Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
