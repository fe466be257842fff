"""The embedded Kirana Store: blue, green, balancer, database and monitoring, as a system under test."""
