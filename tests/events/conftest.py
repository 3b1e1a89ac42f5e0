"""What the tests of the publisher start from."""

from pathlib import Path

import pytest

from tests.events.publishing import FakeClient


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "sequence.json"
