"""Checks of the platform: services, monitoring, database, backups, and the load balancer."""
