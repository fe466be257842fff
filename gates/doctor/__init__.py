"""Says line by line what the gate can and cannot see of a target, with the mend for each.

report       the lines, and what they mean together
parts        addresses, log-in and clocks of the parts of the target
series       series, labels, buckets and start times of the policy's indicators
scraping     instances and the scrape interval
"""
