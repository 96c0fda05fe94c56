#!/bin/sh
# The manual way with a look from the node: what api.sh reads; then DNS and the registry's first path, asked at the prompt of a
# debug pod on the node with an image that the node has; then the image's digest, asked from here. The debug pod is removed, as
# a careful person does, and not waited for.
#
#   node.sh NAMESPACE POD NODE HOST IMAGE IMAGE_OF_DEBUG_POD
set -eu
sh "${0%/*}/api.sh" "$1" "$2"
# what is typed: an input that stays open until the shell has ended, since output is cut off where an input ends
pipe=$(mktemp -u)
mkfifo "$pipe"
exec 3<>"$pipe"
rm "$pipe"
printf 'nslookup %s\nwget -O - https://%s/v2/\nexit\n' "$4" "$4" >&3
said=$(kubectl debug "node/$3" -n "$1" --image="$6" --profile=general -i -- sh <&3 2>&1)
printf '%s\n' "$said"
crane digest "$5"
kubectl delete pod -n "$1" --wait=false "$(printf '%s\n' "$said" | sed -n 's/.*pod \(node-debugger-[^ ]*\) .*/\1/p')"
