"""Checks the platform of the store: services, monitoring, database, backups and load balancer."""
