"""How fast it is: one worker with the whole domain, beside plain Faust and Quix Streams."""
