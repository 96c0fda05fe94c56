#!/bin/sh
# What is read by hand of a pod that cannot pull its image: five commands, one after the other.
#
#   api.sh NAMESPACE POD
set -eu
kubectl get pods -n "$1"
kubectl describe pod "$2" -n "$1"
kubectl get secrets -n "$1"
kubectl get pod "$2" -n "$1" -o jsonpath='{.spec.nodeName} {.spec.serviceAccountName} {.spec.imagePullSecrets[*].name} {.spec.containers[*].image}'
kubectl get sa -n "$1" -o yaml
