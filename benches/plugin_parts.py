#!/usr/bin/env python3
"""Fills docs/what-a-plugin-costs.md with what the bench `plugin_parts` measures, and draws its chart.

    python3 benches/plugin_parts.py              measures, prints the tables and writes both
    python3 benches/plugin_parts.py --measured   does so with the measurement that is there

The page has places for figures, `<!-- name -->…<!-- / -->`, between words for one figure and around a
table for many; their names are the keys of `fill`. Everything else in it is written by hand.
"""

import datetime
import json
import math
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/what-a-plugin-costs.md"
CHART = ROOT / "docs/what-a-plugin-costs.svg"

# As in plugin_parts.rs.
TIMES = 64

# What is shown of a function, and what it is called with.
HOST_CALLS = {
    "clock": ("`clock.unix-ms`", "no text"),
    "method": ("`request.method`", "3 bytes back"),
    "absent-header": ("`request.header`", "of a header that is not there"),
    "header": ("`request.header`", "35 bytes back"),
    "headers": ("`request.headers`", "11 lines back, 260 bytes"),
    "set-header": ("`request.set-header`", "28 bytes"),
    "default-header": ("`request.default-header`", "of a header that is there"),
    "response-header": ("`response.set-header`", "left for the response, 28 bytes"),
    "attribute": ("`exchange.attribute`", "26 bytes back"),
    "set-attribute": ("`exchange.set-attribute`", "26 bytes"),
    "kv-get": ("`kv.get`", "22 bytes back"),
    "kv-set": ("`kv.set`", "26 bytes"),
    "counter": ("`counter.take`", "one claim"),
    "metric": ("`metrics.count`", "one label"),
    "log": ("`log.write`", "at a level that is not logged"),
    "digest": ("`crypto.digest`", "SHA-256 of 21 bytes"),
    "random": ("`crypto.random`", "16 bytes"),
    "wasi clock": ("`wasi:clocks/wall-clock.now`", "of WASI, by `SystemTime::now`"),
}

PAGES = ["0 pages", "4 pages", "16 pages", "64 pages", "64 pages apart", "192 pages", "512 pages"]

COLOURS = {
    "make": "#4269d0",
    "memory": "#97bbf5",
    "reset": "#6cc5b0",
    "enter": "#efb118",
    "host": "#ff725c",
    "rest": "#9498a0",
}

TITLES = {
    "make": "make the instance",
    "memory": "memory it wrote to",
    "reset": "drop it",
    "enter": "enter and leave the guest",
    "host": "two host calls",
    "rest": "lend, bound, measure and count",
}


def measure():
    command = ["cargo", "bench", "-p", "tidegate-benches", "--bench", "plugin_parts"]
    subprocess.run(command, cwd=ROOT, check=True)


def medians():
    """Median nanoseconds of each bench, by its name."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = {}
    for file in target.glob("criterion/plugin_parts/*/new/benchmark.json"):
        name = json.loads(file.read_text())["function_id"]
        estimates = json.loads((file.parent / "estimates.json").read_text())
        found[name] = estimates["median"]["point_estimate"]
    if not found:
        sys.exit("nothing is measured; leave `--measured` out")
    return found


class Figures:
    """Nanoseconds of the parts, each taken out of whole calls where it cannot be measured alone."""

    def __init__(self, medians):
        self.medians = medians

    def call(self, isolation, name):
        return self.medians[f"{isolation}/{name}"] - self.medians["request alone"]

    def host(self, name):
        without = "pooled/wasi, unused" if name == "wasi clock" else "host/nothing"
        return (self.medians[f"host/{name}"] - self.medians[without]) / TIMES

    def make(self, name):
        return self.medians[f"make/{name}"]

    def drop(self, name):
        return self.medians[f"drop/{name}"]

    def life(self, name):
        return self.make(name) + self.drop(name)

    def pooled_parts(self):
        """Where the time of one pooled call of the plugin `headers` goes."""
        enter = self.medians["engine/call on a fiber"]
        host = self.host("set-header") + self.host("response-header")
        rest = self.call("pooled", "headers") - enter - host
        return {"enter": enter, "host": host, "rest": rest}

    def fresh_parts(self):
        """The same of a fresh one: what a pooled call takes, and what the instance takes.

        Instances are made and dropped without a call, so that what is left over is what the call
        did to the memory: it is cold at first, and has to be put back at the end.
        """
        make, reset = self.make("headers"), self.drop("headers")
        pooled = self.pooled_parts()
        memory = self.call("fresh", "headers") - self.call("pooled", "headers") - make - reset
        return {"make": make, "memory": memory, **pooled, "reset": reset}

    def page(self, isolation):
        """What a page costs that a call writes to, as long as it is put back in place."""
        return (self.call(isolation, "192 pages") - self.call(isolation, "4 pages")) / 188


def shown(nanoseconds):
    """With two digits that count, or none behind the point."""
    if abs(nanoseconds) < 995:
        return f"{round(nanoseconds, -1):.0f} ns" if abs(nanoseconds) >= 100 else f"{nanoseconds:.0f} ns"
    microseconds = nanoseconds / 1000
    return f"{microseconds:.1f} µs" if microseconds < 99.5 else f"{microseconds:.0f} µs"


def ratio(part, whole):
    value = part / whole
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.95 else f"{value:.2f}"


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def fill(figures):
    """What goes into the page, by the names of its places."""
    empty = figures.call("pooled", "empty")
    row = lambda name, value: [name, shown(value), ratio(value, empty)]
    places = {"measured": measured_on()}

    calls = {
        "empty": "nothing",
        "3 header operations": "one header read, two written",
        "headers": "`headers`, an edit of each head",
    }
    rows = []
    for name, does in calls.items():
        fresh, pooled = figures.call("fresh", name), figures.call("pooled", name)
        rows.append([does, shown(fresh), shown(pooled), ratio(fresh, pooled)])
    places["calls"] = table(["the plugin does", "fresh", "pooled", "fresh / pooled"], rows)

    fresh, pooled = figures.fresh_parts(), figures.pooled_parts()
    rows = []
    for part, value in fresh.items():
        share = 100 * value / sum(fresh.values())
        other = shown(pooled[part]) if part in pooled else ""
        rows.append([TITLES[part], shown(value), f"{share:.0f} %", other])
    rows.append(["all", shown(sum(fresh.values())), "100 %", shown(sum(pooled.values()))])
    places["parts"] = table(["part", "fresh", "share", "pooled"], rows)

    heads = ["function", "with", "one call", "in empty pooled calls"]
    by_cost = sorted(HOST_CALLS, key=figures.host)
    rows = []
    for name in by_cost:
        function, with_ = HOST_CALLS[name]
        rows.append([function, with_, shown(figures.host(name)), ratio(figures.host(name), empty)])
    places["host-calls"] = table(heads, rows)

    medians = figures.medians
    instances = {
        "1 core": "one core instance, no memory; imports nothing",
        "1 core with memory": "the same with a memory",
        "3 core": "three core instances, no memory",
        "10 core": "ten",
        "38 core": "38, as Python has",
        "empty": "the SDK's, which does nothing: three core instances, one memory",
        "headers": "`headers`",
        "parts": "one that imports nine interfaces of the gateway",
        "1 MiB kept": "the same, with 1 MiB that `configure` has filled",
        "wasi": "with three of WASI: clocks and random numbers",
        "wasi, files": "with fifteen of WASI: all that belongs to files",
    }
    rows = []
    for name, what in instances.items():
        make, drop = figures.make(name), figures.drop(name)
        rows.append([what, shown(make), shown(drop), ratio(figures.life(name), empty)])
    places["instances"] = table(["component", "make", "drop", "both, in empty pooled calls"], rows)

    rows = []
    for name in PAGES:
        fresh, pooled = figures.call("fresh", name), figures.call("pooled", name)
        pages = int(name.split()[0])
        written = f"{pages}, every second one" if name.endswith("apart") else str(pages)
        rows.append([written, f"{pages * 4} KiB", shown(fresh), shown(pooled)])
    places["memory"] = table(["pages written", "that is", "fresh", "pooled"], rows)

    single = {
        "empty-fresh": figures.call("fresh", "empty"),
        "empty-pooled": empty,
        "headers-fresh": figures.call("fresh", "headers"),
        "headers-pooled": figures.call("pooled", "headers"),
        "call": medians["engine/call"],
        "fiber": medians["engine/call on a fiber"],
        "store": medians["engine/store"],
        "core-instance": (figures.make("38 core") - figures.make("1 core")) / 37,
        "memory-slot": figures.life("1 core with memory") - figures.life("1 core"),
        "page-fresh": figures.page("fresh"),
        "page-pooled": figures.page("pooled"),
        "pages-64": figures.call("fresh", "64 pages"),
        "pages-apart": figures.call("fresh", "64 pages apart"),
        "pages-512": figures.call("fresh", "512 pages"),
        "kept": figures.life("1 MiB kept"),
        "not-kept": figures.life("parts"),
        "wasi": figures.life("wasi"),
        "wasi-files": figures.life("wasi, files"),
        "no-wasi": figures.life("empty"),
        "wasi-map": figures.call("fresh", "wasi, map") - figures.call("fresh", "wasi, unused"),
        "wasi-clock": figures.host("wasi clock"),
        **{f"host-{name}": figures.host(name) for name in HOST_CALLS if " " not in name},
    }
    places.update({name: shown(value) for name, value in single.items()})
    places["headers-worth"] = str(math.ceil(figures.host("headers") / figures.host("header")))
    places["fresh-ratio"] = ratio(single["empty-fresh"], empty)
    return places


def measured_on():
    """The machine, in words that say nothing of whose it is."""
    processor = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    name = re.sub(r"\((R|TM)\)", "", processor.group(1)) if processor else "unknown processor"
    kernel = os.uname().release.split("-")[0]
    lock = (ROOT / "Cargo.lock").read_text()
    wasmtime = re.search(r'name = "wasmtime"\nversion = "(.*)"', lock).group(1)
    month = datetime.date.today().strftime("%B %Y")
    return (
        f"{month}, {os.cpu_count()} cores of a virtual machine ({name.strip()}), Linux {kernel}, wasmtime {wasmtime}"
    )


def chart(figures):
    """Two bars on one scale, and what their colours mean."""
    bars = {"fresh": figures.fresh_parts(), "pooled": figures.pooled_parts()}
    longest = max(sum(parts.values()) for parts in bars.values())
    left, width, height = 70, 600, 34
    text = 'font-family="system-ui, sans-serif" font-size="13" fill="#1f2328"'
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 300" role="img" '
        'aria-label="where the time of a fresh and of a pooled call goes">',
        '<rect width="760" height="300" fill="#ffffff"/>',
        f'<text x="{left}" y="24" {text} font-weight="600">'
        "One call of the plugin headers, which sets a header of each head</text>",
    ]
    y = 42
    for name, parts in bars.items():
        out.append(f'<text x="{left - 10}" y="{y + 22}" {text} text-anchor="end">{name}</text>')
        x = float(left)
        for part, value in parts.items():
            length = max(value, 0) / longest * width
            label = f"{TITLES[part]}: {shown(value)}"
            out.append(
                f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="{height}" '
                f'fill="{COLOURS[part]}"><title>{label}</title></rect>'
            )
            x += length
        out.append(f'<text x="{x + 8:.1f}" y="{y + 22}" {text}>{shown(sum(parts.values()))}</text>')
        y += height + 14
    y += 14
    out.append(f'<text x="460" y="{y}" {text} text-anchor="end">fresh</text>')
    out.append(f'<text x="550" y="{y}" {text} text-anchor="end">pooled</text>')
    for part, value in bars["fresh"].items():
        y += 21
        other = bars["pooled"].get(part)
        out.append(f'<rect x="{left}" y="{y - 12}" width="14" height="14" fill="{COLOURS[part]}"/>')
        out.append(f'<text x="{left + 22}" y="{y}" {text}>{TITLES[part]}</text>')
        out.append(f'<text x="460" y="{y}" {text} text-anchor="end">{shown(value)}</text>')
        if other is not None:
            out.append(f'<text x="550" y="{y}" {text} text-anchor="end">{shown(other)}</text>')
    return "\n".join(out + ["</svg>", ""])


def write(page, places):
    """The page with its places filled; one that nothing is known for is a mistake."""

    def place(match):
        name, old = match.group(1), match.group(2)
        if name not in places:
            sys.exit(f"{PAGE.name} has a place for `{name}`, which is not measured")
        new = places[name]
        return f"<!-- {name} -->" + (f"\n\n{new}\n\n" if "\n" in old else new) + "<!-- / -->"

    return re.sub(r"<!-- ([a-z0-9-]+) -->(.*?)<!-- / -->", place, page, flags=re.DOTALL)


def main():
    if sys.argv[1:] not in ([], ["--measured"]):
        sys.exit(__doc__)
    if not sys.argv[1:]:
        measure()
    figures = Figures(medians())
    places = fill(figures)
    for name in ("calls", "parts", "instances", "host-calls", "memory"):
        print(f"{places[name]}\n")
    PAGE.write_text(write(PAGE.read_text(), places))
    CHART.write_text(chart(figures))


main()
