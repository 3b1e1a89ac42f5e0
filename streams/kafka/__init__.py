"""Kafka: the transport, the assignment of partitions, topics, the producer."""
