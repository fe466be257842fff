"""Contains 26 of the guide's 30 integration tests; the other four are in suites/performance."""
