"""Compares the latency of single operations with the limits of the policy."""
