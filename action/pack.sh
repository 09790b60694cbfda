#!/usr/bin/env bash
# Adds the report and the dossier to the folder that is uploaded; a run that did not end has a report only.
set -euo pipefail

if [ -z "$RUN" ]; then
  exit 0
fi
python -m inference_bench report "$RUN" --format html > "$INPUT_OUTPUT/report.html" || true
python -m inference_bench report "$RUN" --dossier "$INPUT_OUTPUT/dossier.zip" || true
