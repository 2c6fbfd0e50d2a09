"""The results of a run, as they are in results.json, and medians over them."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .figures import half_range
from .method import DISTURBED_DRIFT_PERCENT, DISTURBED_FOREIGN_PERCENT
from .scenario import SCENARIOS

Record = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """A median over repetitions."""

    value: float
    # Half of the range as a share of the median; 0 for a single repetition.
    spread: float
    # Whether only disturbed phases were there to take it from.
    disturbed: bool


@dataclass(frozen=True)
class Results:
    record: Record

    @classmethod
    def read(cls, file: Path) -> "Results":
        return cls(json.loads(file.read_text()))

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(self.record, indent=1, ensure_ascii=False) + "\n")

    @property
    def peers(self) -> list[str]:
        """Those with cells, in the order of the versions, which is that of the tables."""
        with_cells = {cell["peer"] for cell in self.record["cells"]}
        return [name for name in self.record["versions"] if name in with_cells]

    @property
    def scenarios(self) -> list[str]:
        with_cells = {cell["scenario"] for cell in self.record["cells"]}
        return [name for name in SCENARIOS if name in with_cells]

    def figure(self, peer: str, scenario: str, kind: str, key: str) -> Figure | None:
        """The median of what phases of a kind (`busy`, `paced`) have under this key (`ratio`, `latency_us.p99`)."""
        phases = [cell[kind] for cell in self._cells(peer, scenario) if cell.get(kind) and not cell[kind]["error"]]
        return median_of(phases, key)

    def memory_mib(self, peer: str, scenario: str, key: str) -> float | None:
        """The median of `idle_kib`, `loaded_kib` or `in_flight_kib`."""
        values = [cell[key] for cell in self._cells(peer, scenario) if cell.get(key)]
        return statistics.median(values) / 1024 if values else None

    def reference_us(self) -> float | None:
        """The median of the resident reference over the whole run: what turns ratios into microseconds."""
        cells = [cell[kind] for cell in self.record["cells"] for kind in ("busy", "paced") if cell.get(kind)]
        points = [point["phase"] for series in self.record["growth"] for point in series["points"] if point["phase"]]
        values = [phase["reference_us"] for phase in cells + points if phase["reference_us"]]
        return statistics.median(values) if values else None

    def normalised_us(self, peer: str, scenario: str) -> float | None:
        """Processor time for a request on a machine that is always as fast as it was in the median."""
        ratio, reference = self.figure(peer, scenario, "busy", "ratio"), self.reference_us()
        return ratio.value * reference if ratio and reference else None

    def _cells(self, peer: str, scenario: str) -> list[Record]:
        return [cell for cell in self.record["cells"] if (cell["peer"], cell["scenario"]) == (peer, scenario)]


def median_of(phases: list[Record], key: str) -> Figure | None:
    """The median over phases that were not disturbed; over all if there are no others."""
    calm = [phase for phase in phases if not is_disturbed(phase)]
    values = [value for phase in calm or phases if (value := _at(phase, key)) is not None]
    if not values:
        return None
    return Figure(statistics.median(values), half_range(values), not calm)


def is_disturbed(phase: Record) -> bool:
    return bool(
        phase["foreign_percent"] > DISTURBED_FOREIGN_PERCENT or phase["drift_percent"] > DISTURBED_DRIFT_PERCENT
    )


def _at(phase: Record, key: str) -> float | None:
    outer, _, inner = key.partition(".")
    value = phase[outer].get(inner) if inner else phase[outer]
    return None if value is None else float(value)
