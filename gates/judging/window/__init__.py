"""Judges objectives about one window: ratios, the traffic share, and the build of the samples."""
