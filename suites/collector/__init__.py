"""The collector checks the database without pytest, quickly enough to run during a ramp.

acknowledged  compares the orders and payments that the store acknowledged with the database
differences   stores the wrong sums that a run of the collector found, for later runs
collection    runs the checks, and returns a result for each check
"""
