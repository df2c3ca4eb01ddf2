"""The HTTP interface of OpenAI's audio API, for clients that are written for it: paths below `/v1`.

A request becomes a job like any other; the response waits for its end. Errors have OpenAI's form (`envelope.py`).
"""
