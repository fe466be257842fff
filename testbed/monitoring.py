"""Prometheus: its configuration, scraping both colours and the balancer every second."""

import json
from pathlib import Path

from testbed.world import World

CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 900ms
  evaluation_interval: 1s
scrape_configs:
  - job_name: store
    static_configs:
      - targets: ["127.0.0.1:{blue_api}"]
        labels: {{slot: blue}}
      - targets: ["127.0.0.1:{green_api}"]
        labels: {{slot: green}}
  - job_name: balancer
    static_configs:
      - targets: ["127.0.0.1:{balancer_metrics}"]
"""
SCRAPED = 3


def write_configuration(world: World) -> Path:
    """Write prometheus.yml and return its path."""
    path = world.folder / "prometheus.yml"
    path.write_text(CONFIGURATION.format(**world.ports))
    return path


def scrapes_everything(answer: bytes) -> bool:
    """Whether the answer to the query ``up`` shows every target scraped."""
    series = json.loads(answer)["data"]["result"]
    return len(series) == SCRAPED and all(one["value"][1] == "1" for one in series)
