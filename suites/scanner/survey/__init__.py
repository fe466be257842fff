"""Prepare a scan: find accounts, valid requests and known values before the attacks begin."""
