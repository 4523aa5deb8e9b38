"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow, which is no fault of the code. In CI the same examples come each time.
settings.register_profile(
    "chronoglot",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("chronoglot")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real treebanks and text, named by CHRONOGLOT_DATA."""
    folder = os.environ.get("CHRONOGLOT_DATA")
    if not folder:
        pytest.skip("CHRONOGLOT_DATA names no folder with real data")
    path = Path(folder)
    if not path.is_dir():
        pytest.skip(f"CHRONOGLOT_DATA: {folder} is not a folder")
    return path
