"""Sign-offs, overrides and revocations: who signs, what is signed, and what the ledger holds.

identity        who signs: the pipeline's environment, or a typed name
signature       the signature of an entry, where a key is configured
ledger_records  the sign-offs of the ledger, each with the reason why it does not count
new_entry       writes a sign-off, an override or a revocation
status          what is verified, signed, open, expired, failed and overridden
"""
