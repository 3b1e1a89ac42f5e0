"""A local laboratory: Kafka and servers on this machine, a simulated world, demo, benchmark."""
