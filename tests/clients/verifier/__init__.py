"""Verifies settled requests of an `llm_oracle` contract (interface version 3).

Written from docs/protocol.md, docs/evidence.md and the contract's metadata alone; no code of the product is used
here. Whoever changes this package keeps to that: where a page does not say enough, the page is changed.
"""
