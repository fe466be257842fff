"""Attacks on access rights: an account of the scan tries to read or change what it must not."""
