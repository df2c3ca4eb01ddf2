"""The webhook sink: signed POSTs to the URLs of jobs and to registered endpoints. Fed by `jobs` and `progress`; feeds receivers
on the web.

In the order of the data: `progress_feed` and `progress` (how far running jobs are, where an endpoint asks for that), `fan_out` (a
job's state to deliveries, which go through Kafka), `endpoints` (who is registered),
`orders` (a delivery to what is sent), `message` (the body), `attempt` (one POST and what came of it), `circuit`, `backlog`,
`recipients` and `courier` (attempts within what a receiver can take), `sender` (many side by side), `schedule` (when the next one
is due),
`delivery_log` and `results` (the records that follow), `stage` (Kafka).

At least once, in no order; `webhook-id` is derived, so a repeat is recognised, also after a crash.
"""

from runtime.resources import Resources, Stage


def build(resources: Resources) -> Stage:
    """Raises UsageError for a key that cannot sign or decrypt. Without `webhook_secret` nothing is sent to the URLs of jobs, and
    the log says so."""
    from sinks.webhooks import stage

    return stage.build(resources)
