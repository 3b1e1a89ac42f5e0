"""What happened: the contract of every event, how it is written, read and published."""
