"""The guide's security checklist, probed."""
