"""Kafka as murmur uses it: the one consumer loop, its commit modes, followers of whole topics, the embedded broker.

Only this package imports the Kafka client.
"""
