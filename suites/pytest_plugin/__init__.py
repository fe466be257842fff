"""The pytest plugin: options, fixtures, the run record, and how failures are shown."""
