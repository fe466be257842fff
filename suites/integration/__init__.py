"""The guide's 30 integration tests, with those of suites/performance."""
