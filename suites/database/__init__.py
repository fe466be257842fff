"""What the checks know about the store's database.

view         the newest documents of each collection, read once
purchases    invariants of orders, payments and order events
totals       invariants of stock, points and achievements
owners       invariants of data that belongs to a user
invariants   the table of all invariants, and the confirmation of violations
declared     migrations, indexes, queries and fields that the store needs
structure    the declared things compared with the database
replication  the state of the replica set
snapshot     counts and checksums before and after a migration
shoppers     users of a run who shop at the same moment
"""
