"""The collector: checks of the database without pytest, quick enough to be made during a ramp.

acknowledged  orders and payments that the store acknowledged, compared with the database
collection    makes the checks and gives a result for each
"""
