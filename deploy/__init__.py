"""How it is run and seen: the local Kafka, the demo, the agreements that ship."""
