#!/bin/sh
# The probes' questions in POSIX sh, for nodes where no Python can be had: frames as __main__.py writes them, from whatever
# of curl, wget, openssl, nc, nslookup and getent there is. No credential ever gets here.
# probe.sh NONCE SECONDS ROOT LOCK [ID SCHEME HOST PORT REPOSITORY ASKED]...
# The host's /etc is at ROOT/etc where it is mounted. Exit codes as in __main__.py: 0 walked, 3 out of time, 4 another walks.
LC_ALL=C
export LC_ALL
PROTOCOL=imagepull/1
nonce=$1 budget=$2 root=$3 lock=$4
shift 4
tab='	'
nl='
'
cr=$(printf '\r')
range=0-131071
quiet='' attempt='' pull=''
accept='application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json'

# the host's tools and no other where they stand over an image's; else the image's PATH may lack the usual folders
if [ -n "$IMAGEPULL_SHOWN" ]; then
    PATH=/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin
else
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin${PATH:+:$PATH}
fi
export PATH
missing=' '

has() {
    case $missing in *" $1 "*) return 1 ;; esac
    command -v "$1" >/dev/null 2>&1
}

# an image's tool may lack its libraries where the host's folders hide them
for tool in curl wget openssl nc nslookup getent timeout date; do
    if has $tool; then
        $tool --help </dev/null >/dev/null 2>&1
        case $? in 126 | 127) missing="$missing$tool " ;; esac
    fi
done

# some images have busybox without a link for each of its tools
functions=' '
if has busybox; then
    has date || date() { busybox date "$@"; }
    has timeout || timeout() { busybox timeout "$@"; }
    for tool in nslookup wget nc; do
        if ! command -v $tool >/dev/null 2>&1 && busybox $tool --help >/dev/null 2>&1; then
            eval "$tool() { busybox $tool \"\$@\"; }"
            functions="$functions$tool "
        fi
    done
fi

