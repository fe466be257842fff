"""Sign-offs, overrides and revocations: who signs, what is signed, and which sign-offs count.

identity        finds the person who signs: from the environment of a pipeline, or a typed name
signature       signs the ledger entry of a sign-off, where a key is configured
ledger_records  reads the sign-offs of the ledger, each with the reason why it does not count
new_entry       writes a sign-off, an override or a revocation into the ledger
status          the state of each objective: verified, signed, open, expired, failed, overridden
"""
