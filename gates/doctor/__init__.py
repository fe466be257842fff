"""Examines a target: each line tells what the gate sees or cannot see, and what to correct.

report       the form of a line
parts        addresses, log-ins and clocks of the parts of the target
series       time series, labels, buckets and start times of the policy's indicators
scraping     the instances that Prometheus scrapes, and the scrape interval
"""
