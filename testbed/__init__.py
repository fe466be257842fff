"""The embedded Kirana Store, a system under test: blue, green, balancer, database, monitoring."""
