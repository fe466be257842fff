"""Defective versions of functions of the store; the table of faults names what each replaces."""
