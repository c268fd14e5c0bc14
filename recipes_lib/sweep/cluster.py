"""A Ray cluster: the one that is named, else one on this machine alone."""

import logging
import os
from types import ModuleType


def connect(num_cpus: int, address: str | None = None) -> ModuleType:
    """Return `ray`, connected to `address`, else to what `RAY_ADDRESS` names, else to a cluster
    started here.

    A connection that stands already is used as it is. Raises `ValueError` where Ray is not
    installed.
    """
    named = address or os.environ.get("RAY_ADDRESS")
    if not named:
        # Ray listens to the whole network unless told that there is none.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError as error:
        raise ValueError("engine 'ray' needs Ray; pip install 'pytorch-recipes[scale]'") from error
    if not ray.is_initialized():
        here = (
            {}
            if named
            else {"num_cpus": num_cpus, "_node_ip_address": "127.0.0.1", "include_dashboard": False}
        )
        ray.init(address=named or "local", log_to_driver=False, logging_level=logging.ERROR, **here)
    return ray  # type: ignore[no-any-return]
