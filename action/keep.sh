#!/usr/bin/env bash
# Adds the new run to the history.
set -euo pipefail

if [ -n "$RUN" ]; then
  mkdir -p "$HISTORY"
  cp -r -- "$RUN" "$HISTORY/"
fi
