#!/bin/sh
# A bare Job with echo on a node that has the image, from its creation until its log is read. The Job goes by itself.
#
#   job.sh NAMESPACE NODE IMAGE
set -eu
name=$(
    kubectl create -n "$1" -o name -f - <<JOB
apiVersion: batch/v1
kind: Job
metadata: {generateName: bare-}
spec:
  backoffLimit: 0
  ttlSecondsAfterFinished: 30
  template:
    spec:
      nodeName: $2
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      automountServiceAccountToken: false
      containers:
      - {name: echo, image: "$3", imagePullPolicy: Never, command: [sh, -c, echo ready]}
JOB
)
until kubectl logs -f -n "$1" "$name" 2>/dev/null; do :; done
