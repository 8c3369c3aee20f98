"""metrics.jsonl: what is measured, row by row. Needs no torch."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, final

from attrs import define

from hnas.engine.files import no_room, write_atomically

Row = Mapping[str, int | float | str | None]


@final
@define
class MetricsLog:
    """Rows of a run as JSON, one a line, each complete before the next begins."""

    path: Path

    def append(self, row: Row) -> None:
        """Write a row; numbers that are not finite become null."""
        kept = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        with no_room(self.path), self.path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a row cut short by a kill stays a line of its own
                    file.write(b"\n")
            file.write(json.dumps(kept).encode() + b"\n")

    def rows(self) -> list[dict[str, Any]]:
        """Every whole row; a last line cut short is left out."""
        found: list[dict[str, Any]] = []
        if not self.path.is_file():
            return found
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                found.append(cast(dict[str, Any], row))
        return found

    def cut(self, rows: int) -> None:
        """Keep the first `rows` rows: what was written after a checkpoint is done again."""
        kept = self.rows()[:rows]
        write_atomically(self.path, "".join(json.dumps(row) + "\n" for row in kept).encode())
