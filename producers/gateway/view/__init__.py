"""This gateway's view of all jobs, workers and the cache: fed from Kafka, kept in SQLite and in memory."""
