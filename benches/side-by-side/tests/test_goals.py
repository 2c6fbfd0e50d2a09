"""Medians over cells, goals and trends, from a small record."""

import unittest
from typing import Any

from sidebyside.goals import goals
from sidebyside.linearity import trends
from sidebyside.report import report
from sidebyside.results import Results


def phase(ratio: float, **more: Any) -> dict[str, Any]:
    return {
        "requests": 1000,
        "per_second": 100.0,
        "bad": 0,
        "latency_us": {},
        "cpu_us": ratio * 15,
        "reference_us": 15.0,
        "ratio": ratio,
        "drift_percent": 1.0,
        "foreign_percent": 1.0,
        "steal_s": 0.0,
        "error": None,
        **more,
    }


def cell(peer: str, scenario: str, busy: dict[str, Any], paced: dict[str, Any] | None = None) -> dict[str, Any]:
    memory = {"idle_kib": 20_480, "loaded_kib": 30_720, "in_flight_kib": None}
    return {"peer": peer, "scenario": scenario, "busy": busy, "paced": paced, "error": None, **memory}


def series(grows: str, points: list[tuple[int, float, int]]) -> dict[str, Any]:
    measured = [{"size": n, "memory_kib": kib, "phase": phase(ratio), "error": None} for n, ratio, kib in points]
    return {"grows": grows, "peer": "tidegate", "scenario": "f", "points": measured}


def results(cells: list[dict[str, Any]], growth: list[dict[str, Any]] | None = None) -> Results:
    peers = dict.fromkeys(cell["peer"] for cell in cells)
    cores = {"proxy": 0, "load": 1}
    lengths = {"repetitions": 1, "busy_s": 2, "paced_s": 2, "rate_per_s": 2000, "connections": 64, "repeats": 0}
    return Results(
        {
            "date": "2026-11-22 12:00 UTC",
            "command": "run",
            "quick": False,
            "gateway": "tidegate 0.1.0",
            "method": {"cores": cores, "foreign_percent": 8, "drift_percent": 15, **lengths},
            "machine": {
                **{"processor": "a processor", "processors": 2, "memory_gib": 8.0, "virtual": True},
                **{"system": "Debian", "kernel": "6.1.0"},
            },
            "tools": {"wrk": "wrk 4.1.0"},
            "versions": {peer: {"about": "a peer", "version": "1"} for peer in peers},
            "left_out": [],
            "checks": [{"peer": "hyper", "policy": "d", "wrong": "status: 200 in place\nof 401"}],
            "cells": cells,
            "growth": growth or [],
        }
    )


class Medians(unittest.TestCase):
    def test_leave_out_disturbed_phases(self) -> None:
        found = results(
            [
                cell("hyper", "a", phase(1.0)),
                cell("hyper", "a", phase(1.2)),
                cell("hyper", "a", phase(9.0, foreign_percent=40.0)),
                cell("hyper", "a", phase(8.0, drift_percent=40.0)),
            ]
        ).figure("hyper", "a", "busy", "ratio")
        assert found
        self.assertAlmostEqual(found.value, 1.1)
        self.assertFalse(found.disturbed)

    def test_of_disturbed_phases_alone_are_marked(self) -> None:
        found = results([cell("hyper", "a", phase(3.0, foreign_percent=40.0))]).figure("hyper", "a", "busy", "ratio")
        assert found
        self.assertEqual((found.value, found.disturbed), (3.0, True))

    def test_are_absent_where_phases_failed(self) -> None:
        failed = results([cell("hyper", "a", phase(1.0, error="no report"))])
        self.assertIsNone(failed.figure("hyper", "a", "busy", "ratio"))


class Goals(unittest.TestCase):
    def test_are_ratios_of_two_peers_in_one_scenario(self) -> None:
        record = results([cell("tidegate-pooled", "f", phase(1.5)), cell("nginx-lua", "f", phase(2.0))])
        goal = next(goal for goal in goals(record) if "nginx-lua" in goal.claim and "`f`" in goal.claim)
        self.assertEqual((goal.figure, goal.limit, goal.is_met), (0.75, 1.0, True))

    def test_compare_latency_with_the_better_envoy(self) -> None:
        def latency(us: float) -> dict[str, Any]:
            return phase(1.0, latency_us={"p50": us, "p99": us, "p99.9": us})

        record = results(
            [
                cell("tidegate", "f", phase(1.0), latency(150.0)),
                cell("envoy", "f", phase(1.0), latency(100.0)),
                cell("envoy-wasm", "f", phase(1.0), latency(300.0)),
            ]
        )
        goal = next(goal for goal in goals(record) if "p50 of tidegate to" in goal.claim)
        self.assertEqual((goal.figure, goal.is_met), (1.5, False))

    def test_that_were_not_measured_are_neither_met_nor_missed(self) -> None:
        self.assertEqual({goal.is_met for goal in goals(results([]))}, {None})


class Trends(unittest.TestCase):
    def test_of_memory_give_what_a_connection_costs(self) -> None:
        grown = [(1, 2.0, 20_010), (64, 2.0, 20_640), (1000, 2.0, 30_000), (10_000, 2.0, 120_000)]
        record = results([], [series("idle connections", grown)])
        memory = next(trend for trend in trends(record) if trend.of == "memory")
        self.assertAlmostEqual(memory.line.slope, 10)
        self.assertTrue(memory.is_linear)
        goal = next(goal for goal in goals(record) if "each idle connection" in goal.claim)
        self.assertAlmostEqual(goal.figure or 0, 10.24)

    def test_of_a_cost_that_explodes_are_not_linear(self) -> None:
        grown = [(n, 1.0 + n * n / 10, 0) for n in (0, 1, 2, 5, 10, 20)]
        [trend] = trends(results([], [series("plugins", grown)]))
        self.assertFalse(trend.is_linear)

    def test_begin_at_the_first_plugin(self) -> None:
        [trend] = trends(results([], [series("plugins", [(0, 1.0, 0), (1, 4.0, 0), (2, 5.0, 0), (5, 8.0, 0)])]))
        self.assertEqual([size for size, _ in trend.points], [1, 2, 5])
        self.assertTrue(trend.is_linear)

    def test_need_three_points(self) -> None:
        self.assertEqual(trends(results([], [series("plugins", [(1, 1.0, 0), (2, 2.0, 0)])])), [])


class Report(unittest.TestCase):
    def test_shows_figures_verdicts_and_who_failed_the_check(self) -> None:
        record = results(
            [cell("tidegate-pooled", "f", phase(1.5)), cell("nginx-lua", "f", phase(2.0))],
            [series("plugins", [(1, 1.0, 0), (2, 2.0, 0), (3, 3.0, 0)])],
        )
        text = report(record, ["cpu.svg"])
        self.assertIn("| tidegate-pooled | 1.50 |", text)
        self.assertIn("| `f`: CPU time per request of tidegate-pooled to nginx-lua | 0.75 × | 1.00 × | met |", text)
        self.assertIn("- hyper, policy `d`, not measured: status: 200 in place of 401", text)
        self.assertIn("| CPU time of tidegate against plugins | 0.0 µs | 15 µs | 0 % at ", text)
        self.assertIn("](charts/cpu.svg)", text)
