"""What all tests share: the real data beside the project, and how hard Hypothesis tries."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CI = os.environ.get("CI") == "true"

for name, examples in (("default", 60), ("thorough", 1000)):
    settings.register_profile(
        name, max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow],
        # The gate gives one verdict on one state of the code; new examples are sought elsewhere.
        derandomize=CI and name == "default",
    )  # fmt: skip
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def required(present: object, what: str) -> None:
    """Skip where a part is missing on a user's machine; fail where it is missing in CI."""
    if present:
        return
    if CI:
        pytest.fail(f"CI needs {what}")
    pytest.skip(f"{what} is not here")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data with known answers."""
    place = Path(__file__).resolve().parents[2] / "shared" / "data"
    required(place.is_dir(), "the shared data")
    return place


@pytest.fixture(scope="session")
def ecom() -> Path:
    """Web sessions of a shop, as a package on PyPI carries them."""
    spec = importlib.util.find_spec("retentioneering")
    required(spec and spec.origin, "the package retentioneering")
    assert spec is not None
    return Path(str(spec.origin)).parent / "datasets" / "ecom.csv.gz"


@pytest.fixture(scope="session")
def chromium() -> str:
    """A real browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    required(found, "Chromium")
    return str(found)
