"""Judges recorded ramps again: the recording format, and the replay through the live judge."""
