#!/usr/bin/env bash
# Tests and benchmarks on an NVIDIA machine without internet, with the interpreter's own CuPy:
#   WHEELS=folder bash bench/gpu.sh [options of mlpcore bench, such as --peers --full]
# STAGES="tests" or "bench" or "precisions" takes these alone, for a machine that is lent by the minute.
# The interpreter has CuPy, scikit-build-core, nanobind, CMake and Ninja; WHEELS holds what it lacks, such as
# array-api-compat, and nvmath-python, without which steps are not captured: `mlpcore info` shows it first.
# Results, tables and pictures go to bench/results, or to OUTPUT; `python -m bench.readme` shows them.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT

"$python" -m pip install --quiet --no-index --no-deps --no-build-isolation --target "$site" \
    . ${WHEELS:+"$WHEELS"/*.whl}
export PYTHONPATH=$site

output=${OUTPUT:-bench/results}
# Warnings of packages whose versions we do not choose are no faults of ours.
tests() { "$python" -P -m pytest -m gpu -W default --continue-on-collection-errors; }
bench() { "$python" -P "$site/bin/mlpcore" bench --output "$output" "$@"; }
precisions() { "$python" -P -m mlpcore.bench.precisions --output "$output/precisions.json"; }

failed=0
"$python" -P "$site/bin/mlpcore" info || failed=$?
for stage in ${STAGES:-tests bench precisions}; do
    "$stage" "$@" || failed=$?
done
exit "$failed"
