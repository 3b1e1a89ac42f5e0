"""How it moves: the Faust app, its transport, shards, sinks and the command line."""
