"""The real code of kubelet and containerd as a judge over our reading of references, pull secrets and
challenges.
"""
