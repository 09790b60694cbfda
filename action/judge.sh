#!/usr/bin/env bash
# Compares the new run with the history and tells the verdict: ok, suspect, slower, or none.
set -euo pipefail

# Tells whether exit code 0 means that the history judged the run, or that the history does not suffice.
told() {
  if python -m inference_bench compare "$HISTORY" "$RUN" "${options[@]}" --format json 2> /dev/null | grep -q judgement_version; then
    echo ok
  else
    echo none
  fi
}

verdict=none
if [ -n "$RUN" ] && [ -n "$HISTORY" ] && [ -n "$(find "$HISTORY" -name run.json -print -quit 2> /dev/null)" ]; then
  options=(--margin "$INPUT_MARGIN" --format github)
  if [ -n "$INPUT_METRICS" ]; then
    options+=(--metric "$INPUT_METRICS")
  fi
  code=0
  python -m inference_bench compare "$HISTORY" "$RUN" "${options[@]}" || code=$?
  case "$code" in
    0) verdict=$(told) ;;
    1) verdict=slower ;;
    3) verdict=suspect ;;
    *) echo "::warning title=inference_bench::The history allows no verdict (exit code $code): see the log of this step." ;;
  esac
fi
echo "verdict=$verdict" >> "$GITHUB_OUTPUT"
