"""What a run ran on, and by which versions."""

import os
import platform
import re
import subprocess
from pathlib import Path

from . import place
from .peer import program_says
from .results import Record


def machine() -> Record:
    """Processor, memory and system, without anything that tells whose they are."""
    processor = re.search(r"^model name\s*:\s*(.*)$", _read("/proc/cpuinfo"), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _read("/proc/meminfo"), re.M)
    system = re.search(r'^PRETTY_NAME="(.*)"$', _read("/etc/os-release"), re.M)
    return {
        "processor": processor[1] if processor else platform.machine(),
        "processors": os.cpu_count(),
        "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else None,
        "virtual": bool(re.search(r"^flags\s*:.*\bhypervisor\b", _read("/proc/cpuinfo"), re.M)),
        "system": system[1] if system else platform.system(),
        "kernel": platform.release().split("-")[0],
    }


def tools() -> Record:
    """The generators of load, and the compiler of what is built here."""
    said = {
        "wrk": program_says("wrk", "-v"),
        "h2load": program_says("h2load", "--version"),
        "oha": program_says(str(place.OHA), "--version"),
        "rustc": program_says("rustc", "--version"),
        "Python": f"Python {platform.python_version()}",
    }
    return {name: re.sub(r"\s+(\[|Copyright).*", "", text) if text else None for name, text in said.items()}


def commit() -> str | None:
    """The commit of the gateway, with a plus sign if files differ from it."""
    head = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "host", "plugins", "plugin-sdk", "wit", "Cargo.lock")
    return head and head + ("+" if changed else "")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=place.REPOSITORY, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
