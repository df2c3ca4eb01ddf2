"""Small programs that use murmur from outside. Each runs as it stands, and the tests run each."""
