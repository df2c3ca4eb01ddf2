"""Topics to the outside world: result files, webhooks, metrics."""
