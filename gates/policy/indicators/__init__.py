"""Reads the indicators of a policy, and the set of indicators that the policy includes."""
