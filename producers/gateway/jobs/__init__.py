"""What clients ask of jobs: status, events, lists, transcripts, audio; cancel, retry, delete."""
