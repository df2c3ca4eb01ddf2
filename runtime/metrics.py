"""All Prometheus metrics of the stages, with base units in the names. Labels have few values: never ids or file names.

Each stage updates its own; a process exports those of the stages in it: the gateway at `/metrics`, the others on the health port.
docs/metrics.md is generated from this module and from `sinks/metrics/gauges.py`.
"""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

# Seconds of one step, from a millisecond to the poll interval; of whole files and jobs, from a tenth of a second to hours.
STEP_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
JOB_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600)

# The loop of every Kafka stage
RECORDS = Counter("murmur_records", "records read, by stage and topic", ("stage", "topic"))
TURN_RECORDS = Histogram(
    "murmur_turn_records", "records read in one turn of the loop", ("stage",), buckets=(1, 2, 5, 10, 20, 50, 100, 200)
)
RECORDS_IN_FLIGHT = Gauge("murmur_records_in_flight", "records read and not yet settled", ("stage",))
HANDLE_SECONDS = Histogram(
    "murmur_handle_seconds",
    "time in which the loop handles records and writes their outputs, per turn",
    ("stage",),
    buckets=STEP_S,
)
COMMIT_SECONDS = Histogram(
    "murmur_commit_seconds", "time of a commit of offsets, or of a transaction", ("stage",), buckets=STEP_S
)
RETRIES = Counter("murmur_retries", "records offered again later, because the store or the broker was unavailable", ("stage",))
DEAD_LETTERS = Counter("murmur_dead_letters", "records that became dead letters", ("stage", "reason"))
DEAD_LETTERS_WAITING = Gauge("murmur_dead_letters_waiting", "dead letters that were neither replayed nor dropped")
STAGE_RESTARTS = Counter("murmur_stage_restarts", "`murmur dev`: restarts of a stage that failed", ("stage",))

# Files on their way in
FILES_ANNOUNCED = Counter("murmur_files_announced", "objects that the watcher or the reconciler announced", ("stage",))
DROPS = Counter("murmur_drops", "objects of which intake made a job, or why not", ("outcome",))
DROP_BYTES = Counter("murmur_drop_bytes", "bytes of objects that became jobs")

# Slicer
FILES_SLICED = Counter("murmur_files_sliced", "files that the slicer has finished, by outcome", ("outcome",))
FILES_WAITING = Gauge("murmur_files_waiting", "files that the slicer has read from Kafka and not begun, for lack of a slot")
FILES_FOUND_SLICED = Counter("murmur_files_found_sliced", "files of which an earlier run had kept the chunks: not decoded again")
DECODE_SECONDS = Histogram("murmur_decode_seconds", "CPU time of decoding one file", buckets=STEP_S)
VAD_SECONDS = Histogram("murmur_vad_seconds", "CPU time of speech detection in one file", buckets=STEP_S)
DECODED_AUDIO_SECONDS = Counter("murmur_decoded_audio_seconds", "length of the files that were decoded to their end")
DECODER_PEAK_MEMORY_BYTES = Histogram(
    "murmur_decoder_peak_memory_bytes",
    "highest memory of the decoder process for one file",
    buckets=[2**exponent for exponent in range(26, 33)],
)
DECODERS_STARTED = Counter("murmur_decoders_started", "decoder processes started")
DECODERS_DIED = Counter("murmur_decoders_died", "decoder processes that ended while they decoded a file")

# Transcriber
CHUNKS = Counter("murmur_chunks", "chunks that a transcriber has settled, by lane and outcome", ("lane", "outcome"))
CHUNK_WAIT_SECONDS = Histogram(
    "murmur_chunk_wait_seconds", "time from the publication of a chunk to the start of its inference", ("lane",), buckets=JOB_S
)
CHUNK_INFERENCE_SECONDS = Histogram(
    "murmur_chunk_inference_seconds", "time of inference of one chunk: its share of its batches", ("lane",), buckets=STEP_S
)
TRANSCRIBED_AUDIO_SECONDS = Counter("murmur_transcribed_audio_seconds", "speech that was transcribed", ("lane",))
BATCH_WINDOWS = Histogram("murmur_batch_windows", "windows in one batch", buckets=(1, 2, 4, 8, 16, 32, 64))
INFERENCE_SECONDS = Histogram("murmur_inference_seconds", "time of inference of one batch", buckets=STEP_S)
REPLICAS = Gauge("murmur_replicas", "batches that this process can transcribe at the same time; 0 while the model loads")
REPLICAS_BUSY = Gauge("murmur_replicas_busy", "batches that are being transcribed")
MODEL_LOAD_SECONDS = Histogram("murmur_model_load_seconds", "time of loading a model into memory", ("model",), buckets=JOB_S)
MODEL_LOAD_FAILURES = Counter("murmur_model_load_failures", "attempts to load a model that failed", ("model",))
MODEL_UNLOADS = Counter(
    "murmur_model_unloads",
    "models that were unloaded; `reason`: idle, replaced by another, memory, or device",
    ("model", "reason"),
)
MODEL_WINDOWS = Counter("murmur_model_windows", "windows transcribed with a model", ("model",))
MODEL_MEMORY_BYTES = Gauge(
    "murmur_model_memory_bytes", "memory that a model takes, as measured when it was loaded; 0 while it is not", ("model",)
)
GPU_MEMORY_USED_RATIO = Gauge(
    "murmur_gpu_memory_used_ratio", "used share of the GPU's memory, of all processes, as its driver counts"
)
GPU_MEMORY_STEPS = Counter(
    "murmur_gpu_memory_steps",
    "what was done about the GPU's memory: smaller_batches, unload_idle, cpu; or taken back: larger_batches, gpu",
    ("step",),
)
GPU_FAULTS = Counter(
    "murmur_gpu_faults",
    "errors of the GPU: out_of_memory; context_lost, which ends the process, as a stale_error that stays does",
    ("fault",),
)
FALLBACKS = Counter("murmur_fallbacks", "windows decoded again at a higher temperature, because the text was not good enough")
WINDOWS_REFITTED = Counter(
    "murmur_windows_refitted", "windows decoded again in the full encoder window, because the text looked like a hallucination"
)
SEGMENTS_REMOVED = Counter(
    "murmur_segments_removed", "segments of text that were probably invented, by the filter that removed them", ("reason",)
)
UNREAD_SPEECH_SECONDS = Counter("murmur_unread_speech_seconds", "stretches of detected speech without text")

# Coordinator
JOBS_ENDED = Counter(
    "murmur_jobs_ended", "jobs that ended; `reason` of failures, `cached` of successes", ("state", "reason", "cached")
)
JOB_QUEUE_SECONDS = Histogram("murmur_job_queue_seconds", "time from the submission of a job to its start", buckets=JOB_S)
JOB_SECONDS = Histogram("murmur_job_seconds", "time from the submission of a job to its end", ("state",), buckets=JOB_S)
JOB_AUDIO_SECONDS = Counter("murmur_job_audio_seconds", "length of the audio of jobs that succeeded", ("cached",))
JOB_REAL_TIME_FACTOR = Histogram(
    "murmur_job_real_time_factor",
    "time from the start of a job to its end per second of its audio, without answers from the cache",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)

CACHE_ENTRIES = Gauge("murmur_cache_entries", "transcripts that answer repeated requests, in the partitions of this process")
CACHE_BYTES = Gauge("murmur_cache_bytes", "size of these transcripts as they are stored")
CACHE_REMOVALS = Counter(
    "murmur_cache_removals", "entries removed from the cache, by reason: expired, evicted, cleared or disabled", ("reason",)
)

# Corrector
CORRECTIONS = Counter(
    "murmur_corrections",
    "requests to correct a transcript, by outcome: corrected; incomplete, where a rule or the endpoint failed; known, corrected "
    "before by the same rules; not_wanted, no rule is for it; late, the raw text was the result meanwhile",
    ("outcome",),
)
CORRECTION_SECONDS = Histogram("murmur_correction_seconds", "time of correcting one transcript", buckets=STEP_S)
CORRECTION_RULES_BROKEN = Gauge(
    "murmur_correction_rules_broken", "1: the newest version of the rules file is broken, and the one before is in force"
)
CORRECTOR_REQUESTS = Counter(
    "murmur_corrector_requests",
    "requests to the corrector's endpoint, by outcome: ok, timeout, unreachable, busy, refused, nonsense; resting, "
    "not sent after failures",
    ("outcome",),
)
CORRECTOR_SECONDS = Histogram("murmur_corrector_seconds", "time of one request to the corrector's endpoint", buckets=STEP_S)
CORRECTOR_PIECES = Counter(
    "murmur_corrector_pieces", "pieces of transcripts for the endpoint; `cached`: answered before", ("cached",)
)

# Results on their way out
RESULT_FILES = Counter("murmur_result_files", "result files written into the results bucket, by format", ("format",))
WEBHOOK_ATTEMPTS = Counter("murmur_webhook_attempts", "POSTs to receivers of webhooks, by outcome", ("outcome",))
WEBHOOK_SECONDS = Histogram("murmur_webhook_seconds", "time of one POST to a receiver of webhooks", buckets=STEP_S)
WEBHOOKS_POSTPONED = Counter(
    "murmur_webhooks_postponed",
    "attempts put off without a POST: the receiver keeps failing, has a pause, or is too slow",
)
WEBHOOK_ENDPOINTS_DISABLED = Counter(
    "murmur_webhook_endpoints_disabled", "registered endpoints that were disabled: gone (410), or failing for days", ("reason",)
)
WEBHOOKS_GIVEN_UP = Counter("murmur_webhooks_given_up", "webhooks that were not delivered, by the last outcome", ("outcome",))

# Gateway
HTTP_REQUEST_SECONDS = Histogram(
    "murmur_http_request_seconds",
    "time from a request's headers to its response, by the template of the route",
    ("route", "method", "status"),
    buckets=STEP_S,
)
FOLLOWING = Gauge(
    "murmur_http_following", "requests that follow a job: `status`, those that wait for a change; `events`, streams", ("kind",)
)
HTTP_CONNECTIONS = Gauge("murmur_http_connections", "open connections to the gateway")
HTTP_CONNECTIONS_ABORTED = Counter(
    "murmur_http_connections_aborted",
    "connections that the gateway refused (too_many, header_too_large) or aborted: replaced by another while they waited for a "
    "request, or too slow (body_stalled, response_stalled)",
    ("reason",),
)
UPLOAD_BYTES = Counter("murmur_upload_bytes", "bytes of audio received over HTTP, of uploads that became jobs")
UPLOADS_ABORTED = Counter("murmur_uploads_aborted", "uploads that ended without a job", ("reason",))
JOBS = Gauge("murmur_jobs", "jobs in this gateway's view, by state", ("state",))

# Retention
STORED_FILES = Gauge("murmur_stored_files", "objects in the store, and records of jobs, by kind, as of the last sweep", ("kind",))
STORED_BYTES = Gauge("murmur_stored_bytes", "their size", ("kind",))
STORED_OLDEST = Gauge(
    "murmur_stored_oldest_timestamp_seconds",
    "when the oldest of them was written, in seconds since 1970; 0: there is none",
    ("kind",),
)
STORED_REMOVED = Counter("murmur_stored_removed", "objects that the retention stage has removed", ("kind",))
STORED_REMOVED_BYTES = Counter("murmur_stored_removed_bytes", "their size", ("kind",))


def exposition() -> bytes:
    """All metrics of this process as Prometheus reads them."""
    return generate_latest(REGISTRY)
