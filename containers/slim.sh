#!/bin/sh
# slim.sh NODE_MODULES: deletes what packages bring that no program loads. A third of their size:
# source maps, TypeScript, bundles for browsers, native parts for other systems.
set -eu

modules="$1"

find "$modules" -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \
  -o -name '*.md' -o -path '*/dist/index.min.js' -o -name '*.tsbuildinfo' \) -delete

for native in "$modules"/*/prebuilds; do
  [ -d "$native" ] || continue
  find "$native" -mindepth 1 -maxdepth 1 -type d ! -name 'linux-*' -exec rm -rf {} +
done
rm -rf "$modules/classic-level/deps" "$modules/@types"
find "$modules" -type d -empty -delete
