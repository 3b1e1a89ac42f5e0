"""The whole of it on one machine: a broker, a simulation, a worker and a live board."""
