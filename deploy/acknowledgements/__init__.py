"""Who has taken a breach on in Alertmanager, passed on as events: a service beside the workers."""
