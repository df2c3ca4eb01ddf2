"""Texts as they may be shown and logged: without the secrets in URLs. Pure."""

import re

MASK = "***"
_SECRETS = re.compile(
    r"(?<=://)[^/\s]+(?=@)"  # user and password in a URL, also one with an @ of its own
    r"|(?<=://)[^/\s:]+:(?!\d+/)[^\s?#]+(?=@)"  # with a slash in the password, as people write it, though it must be encoded
    r"|(?<=X-Amz-Signature=)\w+|(?<=X-Amz-Security-Token=)[^&\s]+"  # a presigned URL
    r"|(?<=whsec_)[\w+/=-]+|(?<=whsk_)[\w+/=-]+"
    r"|(?<=\bmur_)[\w-]{43}"  # an API key
)


def masked(text: str) -> str:
    return _SECRETS.sub(MASK, text)
