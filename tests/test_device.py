"""What runs on the test device, each in a process of its own: torch keeps a device for good."""

import subprocess
import sys
from pathlib import Path

ON_DEVICE = Path(__file__).with_name("on_device")


def test_the_library_runs_on_a_device_with_and_without_float64() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, ON_DEVICE / "library.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
