"""Draws docs/nightly-*.png: the nightly page of made-up nights, in Chromium."""

import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from nightly.history import Figure
from nightly.night import judge_nights
from reports import nightly as page
from suites.client.pages import browser

NIGHTS = 45
PHONE = 400
SLOWER_FROM = 42
MISSING = (11, 12, 30)
LAST = date(2026, 11, 22)
LIMITS = {"slower_than_baseline": 0.1, "slower_than_before": 0.05, "least_seconds": 0.02}
USUAL = {"list_products": 0.012, "search": 0.021, "place_order": 0.034, "process_payment": 0.041}


def figures() -> list[Figure]:
    """Nights of a store whose search gets a quarter slower with its last release."""
    dice = np.random.default_rng(4)
    nights = []
    for night in range(NIGHTS):
        for operation, usual in USUAL.items():
            slow = operation == "search" and night >= SLOWER_FROM
            for quantile, times in (("p50", 1.0), ("p95", 2.2)):
                seconds = usual * times * (1.25 if slow else 1.0) * dice.normal(1, 0.04)
                nights.append(
                    Figure(
                        night=LAST - timedelta(days=NIGHTS - 1 - night),
                        operation=operation,
                        quantile=quantile,
                        version="5.0.1" if night >= SLOWER_FROM else "5.0.0",
                        seconds=seconds,
                        ratio=1.24 if slow else 1.01,
                        at_least=1.17 if slow else 0.96,
                        at_most=1.31 if slow else 1.06,
                        noise=0.06,
                        run="made-up",
                    )
                )
    return [figure for figure in nights if (LAST - figure.night).days not in MISSING]


def main() -> None:
    """Write both pictures."""
    night = judge_nights(figures(), [], LIMITS, LAST)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        path = Path(folder) / "index.html"
        path.write_text(page.html(night.as_page("green", "made-up nights")))
        for width in (1280, PHONE):
            shown = chromium.new_page(viewport={"width": width, "height": 800})
            shown.goto(path.as_uri())
            shown.screenshot(path=f"docs/nightly-{width}.png", full_page=width > PHONE)


if __name__ == "__main__":
    main()
