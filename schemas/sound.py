"""The form of decoded audio, between stages and inside them: s16, mono, at this rate. Imports nothing."""

SAMPLE_RATE_HZ = 16_000
