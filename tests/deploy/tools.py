"""The command-line tools of Prometheus and Alertmanager, as tests run them."""

import os
import shutil
import subprocess

import pytest


def program(name: str) -> str:
    """Where a tool lies; only in CI it has to be there."""
    if found := shutil.which(name):
        return found
    missing = f"{name} is not here: apt-get install prometheus prometheus-alertmanager"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def tool(name: str, *given: object) -> str:
    """What a tool says; it must be content."""
    done = subprocess.run(
        [program(name), *map(str, given)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
