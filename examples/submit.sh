#!/usr/bin/env bash
# Submits a file with curl, waits for its end, and prints the subtitles.
# Usage: examples/submit.sh FILE [GATEWAY]. Without GATEWAY it is the one that MURMUR_GATEWAY_URL names. MURMUR_API_KEY is the key for
# a gateway that requires one.
set -euo pipefail

file=${1:?usage: submit.sh FILE [GATEWAY]}
gateway=${2:-${MURMUR_GATEWAY_URL:-http://127.0.0.1:8511}}
jobs=$gateway/api/transcribe/async

if ! [ -f "$file" ] || ! [ -r "$file" ]; then
    echo "$file is not a file that can be read" >&2
    exit 1
fi

# The key is passed in a file: other users of this machine can read command lines.
request() { curl --silent --header @<(printf '%s\n' "${MURMUR_API_KEY:+Authorization: Bearer $MURMUR_API_KEY}") "$@"; }
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

if ! answer=$(request --fail-with-body --form "file=@$file" "$jobs"); then
    echo "${answer:-no gateway answers at $gateway: start one with \`make dev\`, or name one}" >&2
    exit 1
fi
task=$(field task_id <<<"$answer")
echo "task $task" >&2

while :; do
    state=$(request --show-error --fail-with-body --retry 5 "$jobs/status/$task" | field state)
    case $state in
        SUCCESS) break ;;
        FAILURE | REVOKED)
            request "$jobs/status/$task" >&2
            exit 1
            ;;
    esac
    sleep 0.5
done
request --show-error --fail-with-body "$jobs/$task/transcript.srt"
