"""Finds, for each item of the deployment guide, the objectives of the policy that decide the item.

guide_file         the items of the guide, read from ``policies/guide.toml``
item_problems      the mistakes in an item, such as an objective that the policy does not have
objective_sources  the sources of the evidence of an objective, such as a suite or the ledger
matrix             the matrix: each item, its objectives, their sources, and who decides the item
recorded_status    the state of each item, from the decisions and sign-offs in the ledger
text_table         the matrix as text for a terminal
markdown_page      the matrix as a page of Markdown
json_document      the matrix as JSON
"""
