"""The media type of a job's audio. Pure: from the container that the probe has found, and the ending of the name.

Only types of audio and video, whatever a file is named: no upload is ever served as a page or a script of this origin.
"""

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


def media_type(container: str | None, filename: str) -> str:
    """`container`: as FFmpeg names it, such as `mov,mp4,m4a,3gp,3g2,mj2`; None: not known."""
    by_ending = BY_ENDING.get(PurePosixPath(filename).suffix[1:].lower(), UNKNOWN)
    by_container = BY_CONTAINER.get((container or "").partition(",")[0])
    if by_container is None or any({by_ending, by_container} <= family for family in FAMILIES):
        return by_ending
    return by_container
