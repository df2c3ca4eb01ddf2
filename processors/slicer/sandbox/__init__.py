"""Decoding in a confined child process: no environment, no files, no sockets, bounded memory and CPU time.

`pool` is what the slicer uses: it implements `audio.Decoder` with children that are reused. `process` is one child as
the slicer's side of it, `child` the program that runs in it, `confinement` the rights that it drops before its first untrusted
byte, and `frames` the messages between the two. What is enforced on which platform: docs/security.md.
"""
