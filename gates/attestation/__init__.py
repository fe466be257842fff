"""Attestations of decisions: statements that other programs verify without the ledger.

statement     what a statement says about a decision, and what it must say to count
envelope      the DSSE envelope: signing with an ed25519 key, and opening
verification  whether a file attests a decision about a release
"""
