"""What the stages share: Kafka, object stores, settings, errors, identity, models, logs, metrics. Knows no stage."""
