"""The HTTP interface: accepts uploads, publishes requests, and answers status requests from its own view of the topics.

`server` is the stage and `app` the web application, which assembles groups of endpoints: `submission`, `jobs`, `system`,
`openai`, `asr`, `access` and `description`. `view` is what they read, `http` what precedes and follows every handler,
`documents` the bodies of responses, `page` the files of the web page.
"""

from producers.gateway.server import Gateway, build

__all__ = ["Gateway", "build"]
