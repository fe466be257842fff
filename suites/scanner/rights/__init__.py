"""Attacks on rights: who may read, change and become what, with the accounts of a scan."""
