"""What type checkers and editors are told is true."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def passes(tmp_path: Path, *command: str | Path) -> None:
    # Elsewhere, so that the installed package is looked at and not its sources.
    done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_is_typed_strictly(tmp_path: Path) -> None:
    passes(tmp_path, "mypy", "--strict", "-p", "portcullis")


def test_the_stubs_say_what_the_compiled_half_has(tmp_path: Path) -> None:
    passes(tmp_path, "mypy.stubtest", "portcullis._portcullis")


def test_a_service_and_its_client_are_typed_strictly(tmp_path: Path) -> None:
    example = ROOT / "examples/fastapi"
    passes(tmp_path, "mypy", "--strict", example / "app.py", example / "client.py")


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_the_python_code_is_in_order(command: list[str]) -> None:
    places = ["conftest.py", "e2e", "examples/fastapi", "sdk/python"]
    done = subprocess.run(["ruff", *command, "--no-cache", *places], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
