"""The API server: the only room that imports `kubernetes`, and only for kubeconfig, credentials and TLS."""
