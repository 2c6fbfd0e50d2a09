"""Arithmetic on figures that were measured."""

import unittest

from sidebyside.accounting import parse_processors
from sidebyside.figures import half_range, line_through


class Spread(unittest.TestCase):
    def test_is_half_of_the_range_as_a_share_of_the_median(self) -> None:
        self.assertEqual(half_range([9.0, 10.0, 12.0]), 0.15)

    def test_of_a_single_figure_is_nothing(self) -> None:
        self.assertEqual(half_range([7.0]), 0.0)


class StraightLine(unittest.TestCase):
    def test_goes_through_points_that_lie_on_one(self) -> None:
        line = line_through([(0, 20.0), (1, 25.0), (10, 70.0)])
        self.assertAlmostEqual(line.base, 20)
        self.assertAlmostEqual(line.slope, 5)
        self.assertAlmostEqual(line.deviation, 0)

    def test_says_where_a_curve_leaves_it_the_furthest(self) -> None:
        line = line_through([(n, 10.0 + n * n) for n in (0, 1, 2, 3, 10)])
        self.assertGreater(line.deviation, 0.15)
        self.assertEqual(line.worst, 0)

    def test_needs_two_different_points(self) -> None:
        with self.assertRaises(ValueError):
            line_through([(3, 1.0), (3, 2.0)])


class BusyProcessors(unittest.TestCase):
    def test_are_all_times_but_idle_and_waiting(self) -> None:
        stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 0 50 900 30 5 5 40 0 0\ncpu1 0 0 0 1000 0 0 0 0 0 0\nintr 1\n"
        found = parse_processors(stat)
        self.assertEqual(found.busy_s, (2.0, 0.0))
        self.assertEqual(found.steal_s, 0.4)
