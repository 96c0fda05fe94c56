"""The same cluster and the same identity as kubectl: a table of kubeconfigs, flags and environments, and servers that log.

`python -m tests.conformance.record` puts every row to the real kubectl and keeps what arrived in recorded.json.
"""
