"""The testbed's one error."""


class TestbedError(Exception):
    """The testbed cannot do what was asked; the message says what to do."""

    __test__ = False  # a name that begins with Test is no test
