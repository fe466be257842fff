"""Attestations of decisions: statements that other programs verify without the ledger.

statement     reads a statement about a decision, and refuses a statement that contradicts itself
envelope      signs a statement with an ed25519 key in a DSSE envelope, and opens the envelope
verification  verifies that a file attests a decision about a release
"""
