"""Writes target files and a starting policy for a store that the gate does not know yet.

observation       what health and Prometheus answer
indicator_tables  a ready-made set of indicators that fits, or indicators of the store's own names
colours           which label tells the colours apart, and which value is green's
openapi_suites    which suites fit the operations of the store
target_text       the text of the target files
policy_text       the text of the starting policy
proposal          all of this for one store
"""
