#!/bin/sh
# Untyped access in verdict/ and report/, a count a word. An argument counts another revision: tools/counts.sh HEAD~1
set -eu
cd "$(git rev-parse --show-toplevel)"
count() {
    if [ -n "$2" ]; then
        git grep -hoE "$1" "$2" -- 'kubectl_imagepull/verdict/*.py' 'kubectl_imagepull/report/*.py' | wc -l
    else
        git grep -hoE "$1" -- 'kubectl_imagepull/verdict/*.py' 'kubectl_imagepull/report/*.py' | wc -l
    fi
}
for word in '\bAny\b' '\bobject\b' '\bcast\(' '\bgetattr\(' '\bisinstance\(' '\.get\(' '\.data\b' '# type: ignore' '\bre\.[a-z]+\(' 'classify\('; do
    printf '%-16s %s\n' "$word" "$(count "$word" "${1:-}")"
done
