"""Reads recordings of ramps, and judges each recorded ramp again with the live judge."""
