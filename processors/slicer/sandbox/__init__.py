"""Decoding in a child process that has nothing: no environment, no file, no socket, bounded memory and CPU time.

`pool` is what the slicer uses: it implements `audio.Decoder` with children that are kept and used again. `process` is one child
seen from the slicer, `child` the program that runs in it, `confinement` what that gives up before its first untrusted byte, and
`frames` the messages between the two. What is enforced on which platform: docs/security.md.
"""
