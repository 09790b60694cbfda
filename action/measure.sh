#!/usr/bin/env bash
# Measures; a failed case does not end the job here, so that the evidence is packed and uploaded.
set -euo pipefail

mapfile -d '' -t words < <(python -c 'import shlex, sys; print(*shlex.split(sys.argv[1]), sep="\0", end="\0")' "$INPUT_ARGUMENTS")
if [ -z "$INPUT_ARGUMENTS" ]; then
  words=()
fi
mkdir -p "$INPUT_OUTPUT/runs"
code=0
python -m inference_bench run "${words[@]}" --output "$INPUT_OUTPUT/runs" --format github || code=$?
record=$(find "$INPUT_OUTPUT/runs" -mindepth 2 -maxdepth 2 -name run.json | sort | tail -n 1)
echo "exit-code=$code" >> "$GITHUB_OUTPUT"
echo "run=${record%/run.json}" >> "$GITHUB_OUTPUT"
