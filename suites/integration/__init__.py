"""The 30 integration tests of the guide; four of them are in suites/performance."""
