"""All ways in which audio is submitted: forms, JSON, URLs, batches, direct uploads. They make jobs of requests."""
