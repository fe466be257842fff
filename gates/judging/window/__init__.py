"""Objectives about one window of samples: ratios, the traffic share, the build of the samples."""
