#!/usr/bin/env bash
# Submits a file with curl, waits for its end, and prints the subtitles.
# Usage: examples/submit.sh FILE [GATEWAY]
set -euo pipefail

file=${1:?usage: submit.sh FILE [GATEWAY]}
gateway=${2:-http://127.0.0.1:8511}
jobs=$gateway/api/transcribe/async

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

if ! answer=$(curl --silent --show-error --fail-with-body --form "file=@$file" "$jobs"); then
    echo "$answer" >&2
    exit 1
fi
task=$(field task_id <<<"$answer")
echo "task $task" >&2

while :; do
    state=$(curl --silent --show-error --fail-with-body --retry 5 "$jobs/status/$task" | field state)
    case $state in
        SUCCESS) break ;;
        FAILURE | REVOKED)
            curl --silent "$jobs/status/$task" >&2
            exit 1
            ;;
    esac
    sleep 0.5
done
curl --silent --show-error --fail-with-body "$jobs/$task/transcript.srt"
