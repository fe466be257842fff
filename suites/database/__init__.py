"""Verifies the store's database: its structure, its replica set, and the integrity of its data.

view         reads the newest documents of each collection once
purchases    has the invariants of orders, payments and order events
totals       has the invariants of stock, points and achievements
owners       has the invariants of data that belongs to a user
invariants   has the table of all invariants, and confirms violations
declared     lists the indexes, queries, fields and values that the store needs
structure    compares the database with the lists of ``declared``
replication  reads the state of the replica set
snapshot     counts documents and computes checksums before and after a migration
shoppers     lets users of a run shop at the same moment
"""
