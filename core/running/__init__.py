"""The only place that starts processes: the scheduler, the local engine, and the client that wakes them."""
