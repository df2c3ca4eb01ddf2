"""Real Kafka and real S3 stores on loopback, without Docker: fetched, built, started, proven, and described in env files.

`python -m scripts.services up|down|status` (`make services`, `make services-stop`). Tests start throw-away ones through
`supervisor`. Linux and macOS; needs Java 17, Maven and Go.
"""
