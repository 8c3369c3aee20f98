"""Who a run reports to: a live display on a terminal, plain lines anywhere else. Both on stderr."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self, final

from hnas.cli.terminal import show_diagnostics, spell_seconds, tell
from hnas.diag import Diagnostic
from hnas.engine.loop import Progress, Reporter

_LABELS = {
    "loss_weights": "loss A",
    "loss_arch": "loss B",
    "loss": "loss",
    "loss_aux": "loss aux",
    "mIoU": "mIoU",
    "accuracy": "accuracy",
    "lr": "lr",
    "entropy_alpha": "H(alpha)",
    "entropy_beta": "H(beta)",
}


class ClosingReporter(Reporter, Protocol):
    """A reporter that holds the terminal while it is open."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def reporter() -> ClosingReporter:
    """The reporter that fits stderr."""
    return _Live() if sys.stderr.isatty() else _Plain()


def _figures(values: Mapping[str, float]) -> str:
    parts = [f"{_LABELS[name]} {_spell(name, values[name])}" for name in _LABELS if name in values]
    return "  ".join(parts)


def _spell(name: str, value: float) -> str:
    return f"{value:.2g}" if name == "lr" else f"{value:.4f}"


def _where(progress: Progress) -> str:
    left = f", {spell_seconds(progress.left)} left" if progress.left is not None else ""
    rate = f"  {progress.rate:.2f} steps/s{left}" if progress.rate else ""
    return f"epoch {progress.epoch}/{progress.epochs}  step {progress.step}/{progress.steps}{rate}"


def _facts(facts: Mapping[str, str]) -> str:
    width = max(len(name) for name in facts)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in facts.items())


@final
class _Plain:
    """A line now and then: some forty over a run, and one a minute where steps are slow."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stderr.flush()

    def started(self, facts: Mapping[str, str]) -> None:
        """A line a fact."""
        tell(_facts(facts))

    def progress(self, progress: Progress) -> None:
        """One line: where, the figures, the path."""
        now = time.monotonic()
        regular = progress.step % max(1, progress.steps // 40) == 0
        if regular or progress.step in (1, progress.steps) or now - self._last > 60:
            self._last = now
            path = f"  path {progress.text}" if progress.text else ""
            tell(f"{_where(progress)}  {_figures(progress.values)}{path}")

    def message(self, text: str) -> None:
        """A sentence."""
        tell(text)

    def warning(self, diagnostic: Diagnostic) -> None:
        """A warning."""
        show_diagnostics([diagnostic])


@final
class _Live:
    """A bar, the figures and the path, redrawn in place; messages scroll by above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._drawn = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def started(self, facts: Mapping[str, str]) -> None:
        """A line a fact."""
        self._console.print(_facts(facts), soft_wrap=True)

    def progress(self, progress: Progress) -> None:
        """Redraw."""
        if not self._live.is_started:
            self._live.start()
        self._live.update(self._drawing(progress))

    def _drawing(self, progress: Progress) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        lines = Table.grid()  # a bar alone does not end its line
        lines.add_row(ProgressBar(total=progress.steps, completed=progress.step, width=40))
        path = (f"path {progress.text}",) if progress.text else ()
        for text in (_where(progress), _figures(progress.values), *path):
            lines.add_row(Text(text, no_wrap=True, overflow="ellipsis"))
        return lines

    def message(self, text: str) -> None:
        """A sentence, above the display."""
        self._console.print(text, soft_wrap=True)

    def warning(self, diagnostic: Diagnostic) -> None:
        """A warning, above the display."""
        from hnas.diag.render import render

        self._console.print(render(diagnostic), style="yellow", soft_wrap=True)
