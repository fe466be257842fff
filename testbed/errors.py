"""The error of the testbed."""


class TestbedError(Exception):
    """The testbed cannot carry out a command; the message says what to do."""

    __test__ = False  # a name that begins with Test is no test
