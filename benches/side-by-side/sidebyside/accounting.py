"""What the kernel knows: processor time and memory of processes, and how busy processors are."""

import os
import re
from dataclasses import dataclass

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Processor time of some processes until now."""

    # From the scheduler, in nanoseconds: exact, and of threads that are alive.
    run_ns: int = 0
    # In units of 10 ms, and of threads that have ended too: a cross-check of the above.
    ticks: int = 0

    def since(self, before: "Usage") -> "Usage":
        return Usage(self.run_ns - before.run_ns, self.ticks - before.ticks)

    @property
    def run_s(self) -> float:
        return self.run_ns / 1e9

    @property
    def ticks_s(self) -> float:
        return self.ticks / TICKS_PER_SECOND


@dataclass(frozen=True)
class Processors:
    """How long each processor was busy until now, in seconds, and how long the hypervisor kept them from us."""

    busy_s: tuple[float, ...]
    steal_s: float

    def since(self, before: "Processors") -> "Processors":
        busy = tuple(now - then for now, then in zip(self.busy_s, before.busy_s))
        return Processors(busy, self.steal_s - before.steal_s)


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _stat(int(entry))):
            children.setdefault(int(stat[1]), []).append(int(entry))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def usage(pids: list[int]) -> Usage:
    """The processor time of these processes together."""
    run_ns = ticks = 0
    for pid in pids:
        if stat := _stat(pid):
            ticks += int(stat[11]) + int(stat[12])
        for thread in _threads(pid):
            run_ns += int((_read(f"/proc/{pid}/task/{thread}/schedstat") or "0").split()[0])
    return Usage(run_ns, ticks)


def memory_kib(pids: list[int]) -> int:
    """The proportional set size: resident memory, pages that processes share counted once."""
    total = 0
    for pid in pids:
        match = re.search(r"^Pss:\s+(\d+)", _read(f"/proc/{pid}/smaps_rollup") or "", re.M)
        total += int(match[1]) if match else 0
    return total


def processors() -> Processors:
    """How busy all processors were since the machine started."""
    return parse_processors(_read("/proc/stat") or "")


def parse_processors(text: str) -> Processors:
    """Reads /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal for each processor."""
    busy, steal = [], 0.0
    for line in text.splitlines():
        if match := re.match(r"cpu\d+ (.*)", line):
            times = [int(word) for word in match[1].split()]
            busy.append((sum(times[:3]) + sum(times[5:8])) / TICKS_PER_SECOND)
            steal += times[7] / TICKS_PER_SECOND
    return Processors(tuple(busy), steal)


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the program's name, which may itself hold spaces."""
    text = _read(f"/proc/{pid}/stat")
    return text.rsplit(")", 1)[1].split() if text else None


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _read(path: str) -> str | None:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None
