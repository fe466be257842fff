"""Monitoring: alert rules, routes, dashboards, and the parts of a world that read them."""
