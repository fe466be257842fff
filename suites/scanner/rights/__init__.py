"""Attacks on access rights: an account tries to read or change data without permission."""
