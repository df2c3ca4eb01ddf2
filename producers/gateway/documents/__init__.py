"""The JSON documents of the HTTP interface, as `/openapi.json` describes them. The handlers write plain dictionaries: a test
compares what they write with these models."""
