"""The outside world to topics: gateway, watcher, reconciler."""
