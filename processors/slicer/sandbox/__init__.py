"""Decoding in a confined child process: no environment, no files, no sockets, bounded memory and CPU time.

`pool` is what the slicer uses: it implements `audio.Decoder` with children that are reused. `process` is the slicer's side of one
child, `decoding` of one file in it, `child` the program that runs in it, `confinement` the rights that it drops before its first
untrusted byte; `frames` the messages between the two, and `memory` what these refer to. What is enforced on which platform:
docs/security.md.
"""
