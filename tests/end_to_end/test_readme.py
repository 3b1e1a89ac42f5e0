"""What the README tells a newcomer to run does what it says."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.settings import Settings
from tests.end_to_end.conftest import ROOT, Worker, eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]

WATCHING = Path(__file__).with_name("watching_worker.py")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def snippet(language: str, having: str) -> str:
    """The one block of the README in a language that has these words."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    [found] = [block for block in blocks if having in block]
    return str(found)


async def run(*command: str, folder: Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode()


@pytest.mark.parametrize("language", ["python", "sh"])
def test_a_cmos_first_event_is_taken(
    language: str, settings: Settings, start_worker: Callable[..., Worker], tmp_path: Path
) -> None:
    if language == "python":
        text = snippet("python", "Publisher(").replace("localhost:9092", settings.brokers)
        command = (sys.executable, "-c", text)
    else:
        assert shutil.which("kcat"), "kcat is not here; install Debian's kcat"
        text = snippet("sh", "kcat -P").replace("localhost:9092", settings.brokers)
        command = ("sh", "-c", text)
    agreements = tmp_path / "agreements"
    agreements.mkdir()
    (agreements / "acme.yaml").write_text(snippet("yaml", "cmo: acme"), encoding="utf-8")
    worker = start_worker(WATCHING, agreements=agreements)
    code, output = asyncio.run(run(*command, folder=tmp_path))
    assert code == 0, output
    taken = "cmowatch_events_accepted_total"
    eventually(lambda: worker.total(taken, topic="cmo.lots") == 1, "the event is taken")
    assert worker.total("cmowatch_events_rejected_total") == 0


def test_every_folder_of_the_map_is_there() -> None:
    for linked in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / linked).exists(), linked
