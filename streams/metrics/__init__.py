"""What Prometheus reads of a worker."""
