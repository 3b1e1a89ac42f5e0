"""How it runs in Kubernetes: a base for kustomize, topics for Strimzi, what Prometheus reads."""
