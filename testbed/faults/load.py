"""Faults that only many requests show: of rates, of tails, of growth."""

from testbed.faults.fault import Fault

UNDER_LOAD = (
    Fault("requests.some_fail", "malfunction", "seven requests in a thousand fail",
          (("endpoint:handle", "load:handle_most"),)),
    Fault("requests.hang", "malfunction", "every request after the log-in hangs",
          (("endpoint:handle", "load:hang"),)),
    Fault("search.tail", "wrong time", "one search in six takes 0.6 s more",
          (("search:search_page", "load:search_with_a_tail"),)),
    Fault("memory.leak", "lost update", "every request leaves 200 kB behind",
          (("endpoint:handle", "load:handle_and_keep"),)),
    Fault("latency.growing", "wrong time", "every request takes 20 microseconds more than the last",
          (("endpoint:handle", "load:handle_ever_slower"),)),
)  # fmt: skip
