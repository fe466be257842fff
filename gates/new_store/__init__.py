"""Writes target files and a starting policy for a store that the gate does not know yet.

observation       the responses of the health address and of Prometheus
indicator_tables  a ready-made set of indicators that fits, or indicators of the store's own metrics
colours           the label that tells green and blue apart, and its value for green
openapi_suites    the suites that fit the operations of the store
target_text       the text of the target files
policy_text       the text of the starting policy
proposal          the target files and the policy for one store
"""
