"""Every setting, read once: command line > environment (`MURMUR_…`) > `.env` > default. Nothing else reads the environment.

`.env.example` is generated from this file; `murmur config` prints the effective values with secrets masked.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr
from pydantic_settings import NoDecode

from runtime.cache_settings import CacheSettings
from runtime.client_settings import ClientSettings
from runtime.correction_settings import CorrectionSettings
from runtime.requested_options import FilterList, FormatList, Milliseconds, TemperatureList, TokenList
from runtime.retention_settings import RetentionSettings
from runtime.setting_types import DAY_S, WEBHOOK_DELAYS_S, BasePath, Delays, Networks, Origins, PublicUrl, also
from schemas.options import (
    ALL_FILTERS,
    NON_SPEECH,
    TEMPERATURES,
    BeamSize,
    ChunkLength,
    CompressionRatioThreshold,
    Hint,
    LettersThreshold,
    LogProbThreshold,
    NoSpeechThreshold,
    SilenceMargin,
    VadThreshold,
)

OWNER_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"


class Settings(CacheSettings, RetentionSettings, CorrectionSettings, ClientSettings):
    """Frozen once built. Units are in the names."""

    # Kafka
    kafka_bootstrap: str = Field("127.0.0.1:9092", description="host:port of one or more brokers, separated by commas")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="protocol of the brokers"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="used when the protocol is SASL_…"
    )
    kafka_sasl_username: str | None = Field(None, description="used when the protocol is SASL_…")
    kafka_sasl_password: SecretStr | None = Field(None, description="used when the protocol is SASL_…")
    kafka_ssl_ca_file: Path | None = Field(None, description="certificate authority of the brokers; unset: the system's")
    dev_kafka_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="`murmur dev`: port of its broker; 0: any free one; unset: the last one used in the data folder, if free",
    )
    topic_prefix: str = Field("murmur.", description="prefix of every topic and consumer group of this installation")
    topic_partitions: int = Field(8, ge=1, le=1000, description="partitions of every topic that `murmur topics apply` creates")
    topic_replication: int = Field(1, ge=1, description="replicas of every partition; 3 in a cluster")
    instance: str | None = Field(
        None, description="a stable name of this process, such as a pod's; becomes transactional.id and group.instance.id"
    )

    # Object store
    store: Literal["s3", "directory"] = Field("s3", description="kind of object store")
    store_dir: Path = Field(Path(".murmur/store"), description="root of the directory store; a folder per bucket")
    s3_endpoint: str | None = Field(None, description="URL of an S3 store; unset: AWS")
    s3_public_endpoint: str | None = Field(
        None, description="URL of the S3 store as clients reach it, for direct uploads; unset: MURMUR_S3_ENDPOINT"
    )
    s3_access_key: str | None = Field(None, description="unset: the usual AWS credential chain")
    s3_secret_key: SecretStr | None = Field(None, description="the access key's secret")
    s3_region: str = Field("us-east-1", description="region of the buckets")
    s3_path_style: bool = Field(True, description="bucket in the path (MinIO and most others), not in the host name")
    s3_ca_file: Path | None = Field(None, description="certificate authority of the store; unset: the system's")
    uploads_bucket: str = Field("uploads", description="watched: objects put here are transcribed")
    work_bucket: str = Field("work", description="gateway uploads, chunk audio, the transcript of each work; not watched")
    results_bucket: str = Field("results", description="the result files for users")
    s3_notification_arn: str = Field(
        "arn:minio:sqs::MURMUR:kafka",
        description="target that `murmur buckets apply` attaches to the uploads bucket; `none`: attach nothing",
    )
    event_dialect: Literal["auto", "raw", "encoded"] = Field(
        "auto", description="encoding of keys in events without a top-level Key: versitygw raw, AWS encoded"
    )

    # Model
    model: str | None = Field(
        None,
        description="name, CTranslate2 folder, or repository id; unset: base, or large-v3-turbo on a GPU (not in `murmur run`)",
    )
    models: str = Field(
        "",
        description="models that a job may ask for, separated by commas, besides MURMUR_MODEL; the first is the default where "
        "MURMUR_MODEL is unset; all stages need the same",
    )
    models_dir: Path | None = Field(
        None,
        description="a folder of models by name, searched before the hub; all stages need the same",
    )
    model_cache_size: int = Field(
        1,
        ge=1,
        validation_alias=also("MODEL_CACHE_SIZE"),
        description="models that a transcriber keeps loaded; the one that was used least recently makes room for another. Also "
        "without the prefix: MODEL_CACHE_SIZE",
    )
    model_cache_timeout_minutes: float = Field(
        0.0,
        ge=0,
        validation_alias=also("MODEL_CACHE_TIMEOUT_MINUTES"),
        description="a model that was not used for this long is unloaded, until a job needs it; 0: never. Also without the "
        "prefix: MODEL_CACHE_TIMEOUT_MINUTES",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the model runs")
    gpu_memory_threshold: float = Field(
        0.9,
        gt=0,
        le=1,
        validation_alias=also("GPU_MEMORY_THRESHOLD"),
        description="share of a GPU's memory, as its driver counts it; above it batches become smaller, then idle models are "
        "unloaded, then the CPU is used. Also without the prefix: GPU_MEMORY_THRESHOLD",
    )
    compute_type: str = Field(
        "auto", description="CTranslate2's: int8, float16, int8_float16, float32, …; auto: by model and device"
    )
    model_replicas: int = Field(0, ge=0, description="chunks transcribed in parallel on a CPU; 0: one per core")
    batch_size: int | None = Field(
        None, ge=1, le=256, description="most chunks in one batch; unset: 4 on a GPU, 8 on a CPU or fewer, by free memory"
    )
    encoder_window: Literal["full", "fit"] | None = Field(
        None, description="full: encode 30 s for every chunk; fit: only the chunk's length, faster; unset: the model's default"
    )
    encoder_margin_s: float | None = Field(
        None, ge=0, le=30, description="fit: silence that is encoded after a chunk; unset: the model's default"
    )
    encoder_bucket_s: float | None = Field(
        None, gt=0, le=30, description="fit: encoded lengths are multiples of this; unset: the model's default"
    )

    # Defaults of every transcription, which a request may override
    max_chunk_s: ChunkLength | None = Field(None, description="longest chunk; unset: the model's default")
    vad: bool = Field(True, description="speech detection; false: every sound counts as speech")
    vad_threshold: VadThreshold = Field(0.3, description="probability from which on sound counts as speech")
    min_speech_ms: Milliseconds = Field(0, description="speech shorter than this is ignored")
    min_silence_ms: Milliseconds = Field(2000, description="silence of this length ends a stretch of speech")
    speech_pad_ms: Milliseconds = Field(400, description="sound that is kept before and after speech")
    loudness: bool = Field(False, description="normalise the loudness (EBU R128) before speech detection")
    highpass: bool = Field(False, description="remove sound below 80 Hz before speech detection")
    batch_wait_ms: int = Field(
        0, ge=0, le=1000, description="how long a batch that could begin waits for more chunks; 0: a chunk never waits for others"
    )
    beam_size: BeamSize = Field(5, description="candidate texts in the beam search; 1: greedy")
    temperature: Annotated[TemperatureList, NoDecode] = Field(
        TEMPERATURES, description="sampling temperatures, tried in order until a text is fluent and likely; separated by commas"
    )
    suppress_tokens: Annotated[TokenList, NoDecode] = Field(
        (NON_SPEECH,),
        description="numbers of tokens that are never generated, separated by commas; -1: symbols that are not spoken; or none",
    )
    initial_prompt: Hint = Field(None, description="text before the audio: names and terms to expect, or a style of writing")
    hotwords: Hint = Field(None, description="words to expect; they precede the prompt")
    filters: Annotated[FilterList, NoDecode] = Field(
        ALL_FILTERS,
        description=f"what removes segments that are probably invented: some of {', '.join(ALL_FILTERS)}, separated by commas; "
        "or all, or none",
    )
    no_speech_threshold: NoSpeechThreshold = Field(0.6, description="above this no_speech_prob speech is in doubt")
    log_prob_threshold: LogProbThreshold = Field(-1.0, description="below this avg_logprob a text is unlikely")
    compression_ratio_threshold: CompressionRatioThreshold = Field(2.4, description="above this ratio a text is repetitive")
    letters_threshold: LettersThreshold = Field(
        0.3, description="filter letters: the least share of letters and digits in a text"
    )
    silence_margin_db: SilenceMargin = Field(
        6.0, description="filter silence: sound less than this above the background is silence"
    )

    # Limits
    max_upload_bytes: int = Field(2 * 1024**3, ge=1, description="largest upload or drop")
    max_queued_audio_s: float | None = Field(
        None,
        gt=0,
        description="seconds of audio that may wait before gateways refuse more; unset: what is transcribed, at the speed of the "
        "last jobs, in half of the time for which Kafka keeps the records",
    )
    max_queued_audio_share: float = Field(
        0.5, gt=0, le=1, description="share of it that one owner of API keys may have in the queue"
    )
    max_audio_s: float = Field(10 * 3600.0, gt=0, description="longest audio, counted while decoding")
    interactive_max_s: float = Field(30.0, ge=0, description="files up to this length take the fast lane")
    decoder_memory_mb: int = Field(384, ge=128, description="memory that decoding one file may take")
    decoder_cpu_s: float = Field(10.0, gt=0, description="CPU time to decode a file, besides half of its decoded length")
    slicer_files: int = Field(4, ge=2, description="files decoded in parallel; one slot is reserved for small ones")
    job_memory_s: int = Field(14 * DAY_S, description="how long an ended job is remembered, so that it cannot run again")

    # Gateway
    gateway_host: str = Field("127.0.0.1", description="address to listen on")
    gateway_port: int = Field(8511, ge=0, le=65535, description="port to listen on; 0: any free one")
    gateway_connections: int = Field(
        10_000, ge=1, description="most connections to a gateway at a time; fewer where the limit of open files is too low"
    )
    gateway_connections_per_client: int = Field(
        2_500,
        ge=0,
        description="most of them from one address (of IPv6: one /64 network); 0: no limit. Loopback and MURMUR_TRUSTED_PROXIES "
        "have none",
    )
    base_path: BasePath = Field("", description="path under which a reverse proxy serves the gateway, such as /murmur")
    public_url: PublicUrl = Field(
        None,
        description="URL of the gateway as clients elsewhere reach it, with its path, for links in webhooks, such as "
        "https://speech.example/murmur; unset: links are paths",
    )
    allowed_hosts: str = Field(
        "",
        description="host names that clients use for the gateway, besides loopback's, separated by commas: a name, "
        ".example.org for all below it, or *",
    )
    trusted_proxies: Networks = Field(
        "",
        description="reverse proxies whose X-Forwarded-Prefix, -Host and -Proto count, and whose connections are of many "
        "clients: addresses or networks, separated by commas",
    )
    sync_wait_max_s: float = Field(
        300.0, ge=0, description="longest time that POST /api/transcribe waits for a transcript; less than a proxy's read timeout"
    )
    object_buckets: str = Field(
        "",
        description="buckets, besides the uploads bucket, whose objects any client may name in a submission, separated by commas",
    )
    direct_upload_expiry_s: int = Field(
        3600, ge=60, le=7 * DAY_S, description="how long a form for a direct upload to the store can be used"
    )
    fetch_allow_private: bool = Field(False, description="also fetch from URLs that lead to private and loopback addresses")
    fetch_allow_networks: Networks = Field(
        "", description="private networks whose URLs may also be fetched, such as 10.1.0.0/16, separated by commas"
    )
    fetch_timeout_s: float = Field(300.0, gt=0, description="time limit for fetching the file at a URL")
    response_wait_s: float = Field(
        3600.0, gt=0, description="how long a response of /v1, /asr and /detect-language waits for its job"
    )
    search_index_bytes: int = Field(
        512 * 1024**2,
        ge=0,
        description="most bytes of the words of transcripts that each gateway keeps on its disk, to find jobs by them: the "
        " oldest transcripts are left out; 0: only file names are searched",
    )
    health_port: int | None = Field(
        None, ge=1, le=65535, description="port where a stage of `murmur run` serves /livez, /readyz and /metrics; unset: none"
    )
    data_dir: Path = Field(Path(".murmur"), description="local state of a process: views, and all data of `murmur dev`")

    # Access to the gateway
    api_keys_file: Path | None = Field(
        None,
        description="file with the hashes of the API keys, a line for each as `murmur keys new` prints it; read again when it "
        "changes. With this or MURMUR_API_KEYS requests need a key",
    )
    api_keys: SecretStr | None = Field(None, description="the same lines, separated by commas, instead of a file or besides it")
    no_auth: bool = Field(
        False, description="without API keys, listen on an address that others can reach: everybody there can use it"
    )
    key_requests_per_minute: int = Field(
        3000, ge=0, description="requests per minute with one key, at each gateway; 0: no limit. A key's line may have its own"
    )
    key_submissions_per_minute: int = Field(600, ge=0, description="the same for requests that submit a job")
    key_waiting_requests: int = Field(
        1000,
        ge=0,
        description="requests with one key that wait for jobs at the same time, at each gateway: event streams, ?wait= and "
        "responses with the transcript; 0: no limit",
    )
    owner_unfinished_jobs: int = Field(
        1000, ge=0, description="jobs of one owner that have not ended, at all gateways together; 0: no limit"
    )
    drop_owner: str = Field("default", pattern=f"^{OWNER_PATTERN}$", description="owner of the jobs of dropped files")
    metrics_open: bool = Field(False, description="where API keys are required: serve /metrics without a key")
    cors_origins: Origins = Field(
        "",
        description="origins of other web pages that may use the API, with an API key of their own if keys are required, "
        "separated by commas, such as https://app.example; *: all, only with API keys",
    )

    # Folder and reconciler
    inbox: Path | None = Field(None, description="`murmur dev`: the watched folder; unset: <data>/inbox")
    outbox: Path | None = Field(None, description="`murmur dev`: folder for the results; unset: `transcripts` next to the inbox")
    settle_s: float = Field(1.0, ge=0, description="a file is processed once it has not changed for this long")
    settle_grown_s: float = Field(
        10.0, ge=0, description="the same for a file that has grown after it was complete, or may still be open"
    )
    reconcile_interval_s: float = Field(300.0, gt=0, description="how often the bucket is compared with the jobs")
    reconcile_lookback_s: int = Field(7 * DAY_S, description="older objects are ignored; less than job_memory_s")

    # Result files
    result_formats: Annotated[FormatList, NoDecode] = Field(
        ("json", "txt", "srt", "vtt"),
        description="files that are written for a dropped file, unless its metadata say otherwise, separated by commas: some of "
        "json, verbose_json, words, txt, srt, vtt, tsv. With words every drop has word times",
    )
    word_times: bool = Field(
        False, description="word times in every transcript, unless the request says otherwise; subtitles are then cut exactly"
    )
    subtitle_line_chars: int = Field(
        42, ge=10, le=200, description="most characters in a line of subtitles; a full-width character counts as two"
    )
    subtitle_lines: int = Field(2, ge=1, le=4, description="most lines on the screen at a time")
    subtitle_chars_per_s: float = Field(
        20.0, gt=0, le=100, description="reading speed: a cue with more characters per second stays longer, up to the next one"
    )
    subtitle_min_s: float = Field(0.833, ge=0, le=10, description="shortest time that a cue stays, if the next one allows it")
    subtitle_max_s: float = Field(7.0, ge=1, le=60, description="longest time that a cue stays")
    subtitle_gap_ms: int = Field(80, ge=0, le=1000, description="pause between two cues")

    # Webhooks
    webhook_secret: SecretStr | None = Field(
        None,
        description="signs the webhooks of jobs that name a webhook_url: whsec_… or, for ed25519, whsk_… (Standard Webhooks); "
        "several, separated by blanks, while they are rotated",
    )
    webhook_encryption_key: SecretStr | None = Field(
        None,
        description="encrypts the secrets of registered webhooks on Kafka: base64 of 32 bytes, the same for gateways and webhook "
        "sinks; several, separated by blanks: the first encrypts, all decrypt",
    )
    webhook_body_max_bytes: int = Field(
        1_000_000, ge=0, description="a webhook that would be longer has a link to the transcript instead of the text"
    )
    webhook_allow_http: bool = Field(
        False, description="also deliver to http URLs at public addresses; to private ones that are allowed they always may go"
    )
    webhook_allow_private: bool = Field(False, description="also deliver to all private and loopback addresses")
    webhook_allow_networks: Networks = Field(
        "", description="private networks that webhooks may also be delivered to, such as 10.1.0.0/16, separated by commas"
    )
    webhook_timeout_s: float = Field(15.0, gt=0, description="time limit for one attempt")
    webhook_delays_s: Annotated[Delays, NoDecode] = Field(
        WEBHOOK_DELAYS_S,
        description="delay before each attempt, from the end of the job or the attempt before; 10% more or less; the shortest "
        "first, at most ten, separated by commas",
    )
    webhook_disable_after_s: float = Field(
        5.0 * DAY_S, gt=0, description="a registered endpoint that has only failed for this long is disabled"
    )

    # Logs and traces
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="least severe event to log; of libraries only warnings and errors"
    )
    log_format: Literal["text", "json"] = Field("text", description="text for people, json (one object a line) for machines")
    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://",
        validation_alias=also("OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="URL of an OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318: tracing is on; needs "
        "the extra [otel]. Also without the prefix: OTEL_EXPORTER_OTLP_ENDPOINT",
    )

    @property
    def ended_jobs_s(self) -> int:
        """How long the coordinator remembers an ended job: at least as long as it is listed."""
        return max(self.job_memory_s, self.retention_jobs_s)


def unknown_names() -> list[str]:
    """Names with our prefix in the environment and `.env` that are not settings, mostly misspelt ones. Without their values."""
    prefix, file = Settings.model_config["env_prefix"], Settings.model_config["env_file"]
    present = {*os.environ, *(dotenv_values(str(file)) if file else ())}
    ours = {name.upper() for name in present if name.upper().startswith(prefix)}
    return sorted(ours - {f"{prefix}{field}".upper() for field in Settings.model_fields})
