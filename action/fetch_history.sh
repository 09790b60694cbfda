#!/usr/bin/env bash
# Tells the folder of earlier runs; those of an artifact come from the last successful run of this workflow on the
# default branch. Without one the history begins.
set -euo pipefail

folder=$INPUT_HISTORY
if [ -n "$INPUT_HISTORY_ARTIFACT" ]; then
  folder=$RUNNER_TEMP/inference-bench-history
  mkdir -p "$folder"
  workflow=${GITHUB_WORKFLOW_REF%%@*}
  branch=$(gh api "repos/$GITHUB_REPOSITORY" --jq .default_branch)
  last=$(gh run list --repo "$GITHUB_REPOSITORY" --workflow "${workflow##*/}" --branch "$branch" --status success \
    --limit 1 --json databaseId --jq '.[].databaseId')
  if [ -z "$last" ] || ! gh run download "$last" --repo "$GITHUB_REPOSITORY" --name "$INPUT_HISTORY_ARTIFACT" --dir "$folder"; then
    echo "::notice title=inference_bench::No artifact of this name on the default branch yet: the history begins."
  fi
fi
echo "folder=$folder" >> "$GITHUB_OUTPUT"
