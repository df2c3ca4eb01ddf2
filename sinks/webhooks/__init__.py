"""The webhook sink: a signed POST to a job's `webhook_url` when the job has ended. Fed by `jobs`; feeds receivers on the web.

In the order of the data: `message` (a job to an id and a body), `addresses` (where a connection may go), `attempt` (one
POST and what came of it), `delivery` (attempts until it is settled), `sender` (many deliveries side by side), `stage`
(Kafka).

At least once, in no order; `webhook-id` is derived, so a repeat is recognised, also after a crash. The attempts of a
delivery follow each other within a minute and live in this process: what is given up then is logged and settled. There
is no schedule over days and no dead letter of a delivery yet.
"""

from runtime.resources import Resources, Stage


def build(resources: Resources) -> Stage:
    """Raises UsageError for a webhook secret that cannot sign. Without a secret nothing is sent, and the log says so."""
    from sinks.webhooks import stage

    return stage.build(resources)
