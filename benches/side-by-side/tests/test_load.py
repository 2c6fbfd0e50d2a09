"""Reports of the load generators as they print them."""

import json
import unittest

from sidebyside.load import Load, LoadFailure, parse_h2load, parse_oha, parse_wrk

WRK = """\
Running 5s test @ http://127.0.0.1:18080
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.75ms  426.12us  12.10ms   93.41%
    Req/Sec    36.71k     1.02k   38.20k    82.00%
  Latency Distribution
     50%    1.71ms
     75%    1.80ms
     90%  950.50us
     99%    3.20s
  182649 requests in 5.00s, 207.10MB read
Requests/sec:  36521.99
Transfer/sec:     41.41MB
"""

WRK_WITH_ERRORS = """\
  1200 requests in 2.01s, 1.10MB read
  Socket errors: connect 1, read 2, write 0, timeout 4
  Non-2xx or 3xx responses: 30
Requests/sec:    597.01
"""

H2LOAD_FOR_A_TIME = """\
Warm-up phase is over for thread #0.
Main benchmark duration is started for thread #0.

finished in 5.01s, 21033.40 req/s, 22.90MB/s
requests: 105167 total, 105231 started, 105167 done, 105160 succeeded, 7 failed, 7 errored, 0 timeout
status codes: 105160 2xx, 0 3xx, 0 4xx, 0 5xx
"""

H2LOAD_OF_A_NUMBER = """\
finished in 4.00s, 600.12 req/s, 680.00KB/s
requests: 2400 total, 2400 started, 2390 done, 2380 succeeded, 20 failed, 20 errored, 0 timeout
"""

OHA = {
    "summary": {"requestsPerSec": 1999.5},
    "latencyPercentiles": {"p50": 0.00012, "p99": 0.0005, "p99.9": 0.002, "p99.99": None},
    "statusCodeDistribution": {"200": 11990, "429": 5},
    "errorDistribution": {"aborted due to deadline": 4, "connection refused": 2},
}


class Wrk(unittest.TestCase):
    def test_reads_requests_rate_and_percentiles_in_microseconds(self) -> None:
        latency = {"p50": 1710.0, "p75": 1800.0, "p90": 950.5, "p99": 3_200_000.0}
        self.assertEqual(parse_wrk(WRK), Load(182_649, 36_521.99, 0, latency))

    def test_counts_wrong_statuses_and_all_socket_errors_as_bad(self) -> None:
        self.assertEqual(parse_wrk(WRK_WITH_ERRORS), Load(1200, 597.01, 37))

    def test_refuses_anything_else(self) -> None:
        with self.assertRaises(LoadFailure):
            parse_wrk("unable to connect to 127.0.0.1:18080 Connection refused")


class H2load(unittest.TestCase):
    def test_takes_the_rate_over_the_given_time(self) -> None:
        self.assertEqual(parse_h2load(H2LOAD_FOR_A_TIME, 5), Load(105_160, 105_160 / 5, 7))

    def test_counts_what_was_never_done_as_bad(self) -> None:
        self.assertEqual(parse_h2load(H2LOAD_OF_A_NUMBER), Load(2380, 2380 / 4.0, 20))

    def test_refuses_anything_else(self) -> None:
        with self.assertRaises(LoadFailure):
            parse_h2load("h2load: unrecognized option")


class Oha(unittest.TestCase):
    def test_leaves_out_what_the_end_cut_and_percentiles_that_are_none(self) -> None:
        self.assertEqual(
            parse_oha(json.dumps(OHA)),
            Load(11_995, 1999.5, 7, {"p50": 120.0, "p99": 500.0, "p99.9": 2000.0}),
        )

    def test_refuses_anything_else(self) -> None:
        for text in ("", "{}", '{"summary": null}'):
            with self.subTest(text), self.assertRaises(LoadFailure):
                parse_oha(text)
