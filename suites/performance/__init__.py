"""Latency of single operations against the policy's limits."""
