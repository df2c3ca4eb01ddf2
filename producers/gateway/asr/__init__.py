"""The HTTP interface of whisper-asr-webservice, for clients that are written for it: `/asr` and `/detect-language`."""
