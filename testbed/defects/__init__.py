"""Defective versions of functions of the store; the fault table says which stands for which."""
