"""Faults that only many requests reveal: of rates, of slow requests, of growth."""

from testbed.faults.fault import Fault

# The formatter is off here, so that each row of the table stays on one line.
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
)  # a table, two lines a row # fmt: skip

# The formatter is off here, so that each row of the table stays on one line.
IN_A_RAMP = (
    Fault("requests.twentieth_fails", "malfunction", "one request in twenty fails",
          (("endpoint:handle", "load:handle_nineteen"),)),
    Fault("requests.all_fail", "malfunction", "every request of a shopper fails",
          (("endpoint:handle", "load:handle_none"),)),
    Fault("requests.slow", "wrong time", "every request takes 1.2 s more",
          (("endpoint:handle", "load:handle_late"),)),
    Fault("requests.rising_failures", "malfunction", "more and more requests fail, up to a tenth",
          (("endpoint:handle", "load:handle_ever_fewer"),)),
    Fault("requests.fail_when_busy", "malfunction",
          "one in twelve requests fails while there are over 70 a second",
          (("endpoint:handle", "load:handle_when_quiet"),)),
    Fault("payments.gateway_down", "malfunction", "no payment reaches the gateway",
          (("gateway:charge", "money:gateway_down"),)),
    Fault("requests.all_refused", "wrong value", "every request of a shopper is answered 401",
          (("endpoint:handle", "load:handle_refused"),)),
    Fault("metrics.gone", "missing effect", "metrics are no longer served",
          (("metrics:exposition", "platform:exposition_refused"),)),
    Fault("process.crashing", "malfunction", "the process ends every few seconds, and is restarted",
          crashes=True),
)  # a table, two lines a row # fmt: skip
