"""Which items of the deployment guide are decided by which objectives of the policy.

guide_file         the items of the guide, read from ``policies/guide.toml``
item_problems      what is wrong with an item
objective_sources  where the evidence of an objective comes from
matrix             guide item, objectives, sources, decider
recorded_status    the results of objectives that the ledger holds
text_table         the matrix for a terminal
markdown_page      the matrix as a page of Markdown
json_document      the matrix as JSON
"""
