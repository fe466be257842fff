"""Which series count an event once: labels, replicas, and the instances that Prometheus scrapes."""
