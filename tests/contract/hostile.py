"""Small files that ask a decoder for endless work, each with its size as an argument. Made here from the formats' own rules."""

import io
import struct
import wave

import av
import numpy as np


def atom(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def mp4_with_an_index_of(samples: int, tracks: int, handler: bytes = b"vide") -> bytes:
    """The sample tables claim so many samples for each track, of one byte each; FFmpeg makes an entry in memory for each."""

    def track(number: int) -> bytes:
        entry = atom(b"mp4v", bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HH", 64, 64) + bytes(50))
        if handler == b"soun":
            entry = atom(b"mp4a", bytes(6) + b"\0\1" + bytes(8) + struct.pack(">HHHHI", 1, 16, 0, 0, 16_000 << 16))
        tables = (
            atom(b"stsd", struct.pack(">II", 0, 1) + entry),
            atom(b"stts", struct.pack(">IIII", 0, 1, samples, 1)),
            atom(b"stsc", struct.pack(">IIIII", 0, 1, 1, samples, 1)),
            atom(b"stsz", struct.pack(">III", 0, 1, samples)),
            atom(b"stco", struct.pack(">III", 0, 1, 40)),
        )
        times = atom(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, 16_000, samples, 0, 0))
        media = times + atom(b"hdlr", bytes(8) + handler + bytes(13)) + atom(b"minf", atom(b"stbl", b"".join(tables)))
        head = atom(b"tkhd", struct.pack(">IIIIII", 7, 0, 0, number, 0, samples) + bytes(60))
        return atom(b"trak", head + atom(b"mdia", media))

    film = atom(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 16_000, samples) + bytes(80))
    return atom(b"ftyp", b"isom\0\0\2\0isom") + atom(b"moov", film + b"".join(track(n + 1) for n in range(tracks)))


def mp3_with_tags(count: int) -> bytes:
    """As many different text frames before any sound: each is looked for among all that came before it."""
    frames = b"".join(
        b"TXXX" + struct.pack(">I", 11) + b"\0\0\0" + f"{number:06x}".encode() + b"\0abc" for number in range(count)
    )
    size = len(frames)
    return b"ID3\3\0\0" + bytes((size >> shift) & 127 for shift in (21, 14, 7, 0)) + frames + bytes(1000)


def mp3_with_picture(size_bytes: int) -> bytes:
    """A cover picture of that size, which FFmpeg keeps in memory, then a second of sound."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("mp3", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    picture = b"\0image/png\0\3\0" + bytes(size_bytes)
    tag = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    size = bytes(len(tag) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + tag + file.getvalue()


def matroska_with_tracks(count: int, packets: int) -> bytes:
    """So many audio tracks without a packet beside one picture track that has them all."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        picture = container.add_stream("rawvideo", rate=25)
        picture.width, picture.height, picture.pix_fmt = 16, 16, "gray"
        for _ in range(count):
            container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in range(packets):
            frame = av.VideoFrame.from_ndarray(np.zeros((16, 16), np.uint8), "gray")
            frame.pts = number
            container.mux(picture.encode(frame))
    return file.getvalue()


def flac_of_silence(hours: float) -> bytes:
    """Constant blocks of the largest size: some kilobytes an hour (RFC 9639)."""
    block = 65_535
    frames = int(hours * 3600 * 16_000 / block)
    info = struct.pack(">HH", block, block) + bytes(6) + (16_000 << 44 | 15 << 36 | frames * block).to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80" + len(info).to_bytes(3, "big") + info + b"".join(_flac_frame(number, block) for number in range(frames))


def _flac_frame(number: int, block: int) -> bytes:
    """Mono, 16 kHz, 16 bits: one subframe of a constant 0."""
    coded = chr(number).encode("utf-8", "surrogatepass")
    header = b"\xff\xf8\x75\x08" + coded + struct.pack(">H", block - 1)
    header += bytes([_crc(header, 0x07, 8)])
    frame = header + bytes(3)
    return frame + struct.pack(">H", _crc(frame, 0x8005, 16))


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    value, top, mask = 0, 1 << (bits - 1), (1 << bits) - 1
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial) & mask if value & top else value << 1 & mask
    return value


def wav_of(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", "NONE"))
        writer.writeframes(samples)
    return file.getvalue()
