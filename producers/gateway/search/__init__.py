"""Jobs that are found by what was said in them: an index of the transcripts, which each gateway keeps for itself."""
