"""The collector: checks of the database without pytest, quick enough to be made during a ramp.

acknowledged  orders and payments that the store acknowledged, compared with the database
differences   wrong sums that an earlier run saw
collection    runs the checks and gives a result for each
"""
