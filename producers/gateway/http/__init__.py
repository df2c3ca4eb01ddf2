"""What the gateway adds to HTTP, whatever is served: routes, errors, conditional requests, connections, origins."""
