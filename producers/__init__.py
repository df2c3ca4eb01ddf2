"""External input to topics: gateway, watcher, reconciler."""
