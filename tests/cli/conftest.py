"""Run the command line in this process."""

import contextlib
from collections.abc import Callable
from typing import final

import pytest
from attrs import frozen

from hnas.cli.main import run


@final
@frozen
class Said:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def hnas(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("HNAS_DATA", raising=False)

    def call(*arguments: str) -> Said:
        capsys.readouterr()
        code = -1
        with contextlib.suppress(SystemExit):
            code = run(list(arguments))
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call
