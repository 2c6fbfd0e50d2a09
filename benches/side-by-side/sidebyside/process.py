"""Programs that are started for a while: pinned to a core, waited for, and ended with all below them."""

import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import accounting, place
from .peer import Launch

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 4.0


class StartFailure(Exception):
    """A program that did not come to listen; the text is the end of what it said."""


class Process:
    """A program in the foreground, with a group of its own."""

    def __init__(self, launch: Launch, core: int | None, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self._stderr = folder / "stderr"
        with open(launch.stdout or folder / "stdout", "a") as out, open(self._stderr, "w") as err:
            self._child = subprocess.Popen(
                pin + launch.argv,
                env={**os.environ, **launch.environment},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def pids(self) -> list[int]:
        return accounting.tree(self._child.pid)

    def wait_for(self, port: int) -> None:
        """Returns once the port takes connections."""
        end = time.monotonic() + START_TIMEOUT_S
        while self._child.poll() is None and time.monotonic() < end:
            if takes_connections(port):
                return
            time.sleep(0.02)
        said = self._stderr.read_text(errors="replace").strip()
        self.stop()
        raise StartFailure(_without_paths(said)[-400:] or f"nothing listens at port {port}")

    def stop(self) -> None:
        """Asks it to end, and ends it if it does not."""
        if self._child.poll() is not None:
            return
        pids = self.pids()
        self._child.terminate()
        try:
            self._child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            for pid in pids:
                _kill(pid)
            self._child.wait()


def takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.3).close()
    except OSError:
        return False
    return True


def allow_open_files() -> int:
    """Raises the limit of open files, which programs inherit, as far as it goes; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _without_paths(text: str) -> str:
    """What is said ends up in a report, which is nobody's business where it was made."""
    return text.replace(f"{place.BUILD}/", "").replace(f"{place.REPOSITORY}/", "")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
