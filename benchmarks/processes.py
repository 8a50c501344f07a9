"""What a process and those that it has started take: memory and CPU, looked up in /proc while they live."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_LOOK_EVERY_S = 0.2
_MEMORY_EVERY_S = (
    2.0  # each time costs milliseconds, and keeps the process that is looked at from getting more
)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Usage:
    """What one process took while it was watched, until it was last looked at. own_mb: at most, with its share of what
    it has in common with others (PSS); peak_mb counts that in full (RSS)."""

    pid: int
    cpu_s: float = 0.0
    own_mb: float = 0.0
    peak_mb: float = 0.0


class Watch:
    """``with Watch() as watch:`` looks at this process and all below it that run the same program; usages has what each
    took, this one first. skip are processes of others. Without memory only CPU is looked up."""

    def __init__(self, skip: Collection[int] = (), *, memory: bool = True) -> None:
        self.usages: dict[int, Usage] = {}
        self._skip = skip
        self._memory_at = 0.0 if memory else math.inf
        self._before: dict[int, float] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._before = {pid: usage.cpu_s for pid, usage in self.usages.items()}
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._look()

    @property
    def all_own_mb(self) -> float:
        """The sum of what each had at most for itself: no more than this at any moment."""
        return sum(usage.own_mb for usage in self.usages.values())

    def _run(self) -> None:
        while not self._ending.wait(_LOOK_EVERY_S):
            self._look()

    def _look(self) -> None:
        has_memory = time.monotonic() >= self._memory_at
        if has_memory:
            self._memory_at = time.monotonic() + _MEMORY_EVERY_S
        for pid in self._list_family(os.getpid()):
            usage = self.usages.setdefault(pid, Usage(pid))
            with suppress(OSError, ValueError, IndexError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                usage.cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS - self._before.get(pid, 0.0)
                if not has_memory:
                    continue
                usage.peak_mb = max(usage.peak_mb, _read_mb(Path(f"/proc/{pid}/status"), "VmHWM:"))
                usage.own_mb = max(usage.own_mb, _read_mb(Path(f"/proc/{pid}/smaps_rollup"), "Pss:"))

    def _list_family(self, pid: int) -> list[int]:
        """Return a process and all that descend from it."""
        family = [pid]
        with suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                for child in map(int, (task / "children").read_text().split()):
                    is_ours = Path(f"/proc/{child}/exe").readlink() == Path("/proc/self/exe").readlink()
                    if is_ours and child not in self._skip:
                        family += self._list_family(child)
        return family


def _read_mb(file: Path, name: str) -> float:
    lines = file.read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
