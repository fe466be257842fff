"""What the platform checks share: clients of Prometheus, Alertmanager and Grafana, and analyses."""
