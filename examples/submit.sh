#!/usr/bin/env bash
# Submits a file with curl, waits for its end, and prints the subtitles.
# Usage: examples/submit.sh FILE [GATEWAY]. Without GATEWAY it is the one that MURMUR_GATEWAY_URL names.
set -euo pipefail

file=${1:?usage: submit.sh FILE [GATEWAY]}
gateway=${2:-${MURMUR_GATEWAY_URL:-http://127.0.0.1:8511}}
jobs=$gateway/api/transcribe/async

if ! [ -f "$file" ] || ! [ -r "$file" ]; then
    echo "$file is not a file that can be read" >&2
    exit 1
fi

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

if ! answer=$(curl --silent --fail-with-body --form "file=@$file" "$jobs"); then
    echo "${answer:-no gateway answers at $gateway: start one with \`make dev\`, or name one}" >&2
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
