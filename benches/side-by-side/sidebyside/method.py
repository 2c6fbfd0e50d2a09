"""How it is measured: how long, how often, on which cores, and how much disturbance is borne."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    """Processors by number: the proxy alone on one, origin and load generator on the other."""

    proxy: int = 0
    load: int = 1


@dataclass(frozen=True)
class Method:
    cores: Cores = Cores()
    repetitions: int = 3
    # Requests under way at once, unless the scenario says otherwise.
    connections: int = 64
    warm_s: int = 1
    # As much load as the peer takes.
    busy_s: int = 5
    # A fixed rate, for latency.
    paced_s: int = 6
    rate_per_s: int = 2000
    handshakes_per_s: int = 600
    # A phase waits until all processors together are no busier than this, but not for ever.
    quiet_percent: float = 12
    quiet_wait_s: float = 30
    # A phase is repeated if others used more than this of one processor, or the reference moved by more than this.
    foreign_percent: float = 8
    drift_percent: float = 15
    repeats: int = 3
    # How long all waiting and repeating together may take, so that a run ends on a machine that never is quiet.
    patience_s: float = 3600
    # Whether the reference is measured around phases at a fixed rate too.
    paced_reference: bool = True


# What ends within three minutes, the check included.
QUICK = Method(repetitions=1, busy_s=2, paced_s=2, repeats=0, patience_s=20, paced_reference=False)

# Phases with more disturbance than this do not count if there are others.
DISTURBED_FOREIGN_PERCENT = 15.0
DISTURBED_DRIFT_PERCENT = 25.0
