"""Clients of Prometheus, Alertmanager and Grafana, and analyses of their configurations."""
