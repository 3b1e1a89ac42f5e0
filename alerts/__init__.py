"""What it means: records, KPIs, agreements, breaches. Pure: no clock, no I/O, no Kafka."""
