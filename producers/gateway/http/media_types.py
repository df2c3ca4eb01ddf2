"""The media type of a job's audio. Pure: from the container that the probe has found, and the ending of the name; where both are
missing, from the first bytes of the file.

Only types of audio and video, whatever a file is named: no upload is ever served as a page or a script of this origin.
"""

import re
from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"
BY_ENDING = {
    "3gp": "video/3gpp",
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "au": "audio/basic",
    "avi": "video/x-msvideo",
    "caf": "audio/x-caf",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "mka": "audio/x-matroska",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "ts": "video/mp2t",
    "wav": "audio/wav",
    "weba": "audio/webm",
    "webm": "video/webm",
    "wma": "audio/x-ms-wma",
}
BY_CONTAINER = {  # names of FFmpeg
    "3gp": "video/mp4",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "asf": "video/x-ms-asf",
    "au": "audio/basic",
    "avi": "video/x-msvideo",
    "caf": "audio/x-caf",
    "flac": "audio/flac",
    "matroska": "video/x-matroska",
    "mov": "video/mp4",
    "mp3": "audio/mpeg",
    "mpeg": "video/mpeg",
    "mpegts": "video/mp2t",
    "ogg": "audio/ogg",
    "w64": "audio/wav",
    "wav": "audio/wav",
}
FAMILIES = (  # the ending chooses among those that share a container
    {"video/mp4", "audio/mp4", "video/quicktime", "video/3gpp"},
    {"video/x-matroska", "audio/x-matroska", "video/webm", "audio/webm"},
    {"audio/ogg", "video/ogg"},
)
HEAD_BYTES = 512
BEGINNINGS = re.compile(  # of files, by container
    rb"""
    (?P<flac> fLaC) | (?P<ogg> OggS) | (?P<amr> \#!AMR) | (?P<au> \.snd) | (?P<caf> caff) | (?P<matroska> \x1a\x45\xdf\xa3)
    | (?P<asf> \x30\x26\xb2\x75\x8e\x66\xcf\x11) | (?P<mpeg> \x00\x00\x01\xba) | (?P<mpegts> G.{187}G) | (?P<mov> .{4}ftyp)
    | (?P<wav> (?:RIFF|RF64) .{4} WAVE) | (?P<avi> RIFF .{4} AVI\x20) | (?P<aiff> FORM .{4} AIF[FC])
    | (?P<aac> \xff[\xf0\xf1\xf8\xf9]) | (?P<mp3> ID3 | \xff[\xe2\xe3\xf2\xf3\xfa\xfb])
    """,
    re.DOTALL | re.VERBOSE,
)


def media_type(container: str | None, filename: str) -> str:
    """`container`: as FFmpeg names it, such as `mov,mp4,m4a,3gp,3g2,mj2`; None: not known."""
    by_ending = BY_ENDING.get(PurePosixPath(filename).suffix[1:].lower(), UNKNOWN)
    by_container = BY_CONTAINER.get((container or "").partition(",")[0])
    if by_container is None or any({by_ending, by_container} <= family for family in FAMILIES):
        return by_ending
    return by_container


def media_type_of(head: bytes) -> str:
    """Of a file that begins with these bytes. UNKNOWN: no known container."""
    found = BEGINNINGS.match(head)
    container = found.lastgroup if found is not None else None
    if container == "matroska" and b"webm" in head[:64]:
        return BY_ENDING["webm"]
    if container == "mov" and head[8:11] == b"M4A":
        return BY_ENDING["m4a"]
    return BY_CONTAINER.get(container or "", UNKNOWN)
