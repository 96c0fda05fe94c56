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
quiet='' attempt=''
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

# ---- frames ---------------------------------------------------------------------------------------------------------

# text -> the inside of a JSON string: printable ASCII, at most 300 characters
json() {
    case $1 in *[!\ -~]* | *[\"\\]*) ;; *)
        if [ ${#1} -le 300 ]; then
            text=$1
            return
        fi
        ;;
    esac
    rest=$1 text='' count=0
    while [ -n "$rest" ] && [ $count -lt 300 ]; do
        char=${rest%"${rest#?}"}
        rest=${rest#?}
        count=$((count + 1))
        case $char in
        '"' | '\') text="$text\\$char" ;;
        [\ -~]) text="$text$char" ;;
        *) text="$text " ;;
        esac
    done
}

clock() { if has date; then date +%s; else echo 0; fi; }

frame() { printf '%s %s %s\n' "$PROTOCOL" "$nonce" "$1"; }

# hop role host outcome summary pull data: one observation. data: ready-made JSON members
emit() {
    [ -z "$quiet" ] || return 0
    json "$5"
    summary=$text
    json "$attempt"
    tried=$text
    json "$3"
    frame "{\"kind\":\"seen\",\"hop\":\"$1\",\"role\":\"$2\",\"host\":\"$text\",\"outcome\":\"$4\",\"summary\":\"$summary\",\"pull\":\"$6\",\"attempt\":\"$tried\",\"data\":{$7},\"ms\":0,\"at\":$(clock)}"
}

began=$(clock)
over() {
    now=$(clock)
    [ $((now - began)) -ge "$budget" ]
}

timed=
if timeout 1 true 2>/dev/null; then timed=1; fi
# seconds command...: ends it after that time, with or without a tool for it. -> its exit code, 124 or 143 when ended
bounded() {
    seconds=$1
    shift
    if [ -n "$timed" ] && [ -n "${functions##* "$1" *}" ]; then
        timeout "$seconds" "$@"
        return
    fi
    "$@" &
    child=$!
    (
        sleep "$seconds"
        kill $child
    ) >/dev/null 2>&1 &
    watcher=$!
    wait $child
    code=$?
    kill $watcher 2>/dev/null
    return $code
}

# number: at most so many bytes of what comes in; whoever sends more is cut off
first() {
    if has head; then
        head -c "$1"
    elif has dd; then
        dd bs=512 count=$(($1 / 512)) 2>/dev/null
    else
        cat
    fi
}

# a shell's patterns take time that grows with the square of a text's length
most=32768 most_blob=196608 most_header=16384 most_challenge=4096
# what stands at the end of $reply of the tool's exit code -> $result; 0 where we have cut it off
ended() {
    result=0
    mark="$nonce ended "
    case $reply in *"$mark"*)
        result=${reply##*"$mark"}
        reply=${reply%"$mark$result"}
        result=${result%%.*}
        ;;
    esac
}

# ---- the node's files -----------------------------------------------------------------------------------------------

# path of the host -> 0 where something can be said of it: IMAGEPULL_SHOWN has what is mounted, with colons between
shown() {
    [ -n "$IMAGEPULL_SHOWN" ] || return 0
    case ":$IMAGEPULL_SHOWN:" in *":$1:"*) return 0 ;; esac
    inside=$1
    while [ -n "${inside#/}" ]; do
        inside=${inside%/*}
        case ":$IMAGEPULL_SHOWN:" in *":$inside:"*) return 0 ;; esac
    done
    return 1
}

# systemd-resolved's stub listens on the host's network alone
stub_is_elsewhere() {
    while read -r word value _; do
        if [ "$word" = nameserver ] && [ "$value" != 127.0.0.53 ]; then return 1; fi
    done <"$root/etc/resolv.conf"
    while read -r _ address _; do
        if [ "$address" = 3500007F:0035 ]; then return 1; fi
    done 2>/dev/null </proc/net/udp
    while read -r word value _; do
        if [ "$word" = nameserver ]; then return 0; fi
    done <"$root/etc/resolv.conf"
    return 1
}

resolv=/etc/resolv.conf resolver=kubelet
if [ -r "$root/etc/resolv.conf" ] && ! stub_is_elsewhere; then
    resolv=$root/etc/resolv.conf resolver=host
fi
servers=
while read -r word value _; do
    [ "$word" = nameserver ] && servers="$servers $value"
done 2>/dev/null <"$resolv"

bundle=
for file in ssl/certs/ca-certificates.crt pki/tls/certs/ca-bundle.crt ssl/ca-bundle.pem pki/tls/cacert.pem \
    pki/ca-trust/extracted/pem/tls-ca-bundle.pem ssl/cert.pem; do
    if [ -z "$bundle" ] && [ -r "$root/etc/$file" ]; then
        bundle=$root/etc/$file
    fi
done
if [ -n "$bundle" ]; then
    SSL_CERT_FILE=$bundle CURL_CA_BUNDLE=$bundle
    export SSL_CERT_FILE CURL_CA_BUNDLE
fi

# ---- what there is --------------------------------------------------------------------------------------------------

http=none trust=none
if has curl; then
    http=curl
elif has wget; then
    case $(wget --version 2>&1) in *'GNU Wget'*) http=gnu ;; *) http=busybox ;; esac
fi
case $http in curl | gnu) if [ -n "$bundle" ]; then trust=host; else trust=image; fi ;; esac
if [ $trust = none ] && has openssl; then
    if [ -n "$bundle" ]; then trust=host; else trust=image; fi
fi
has nslookup || resolver=kubelet
found=
for tool in curl wget openssl nc nslookup getent; do
    has $tool && found="$found $tool"
done

# ---- name -----------------------------------------------------------------------------------------------------------

# host -> literal | hosts-file | ok | nxdomain | no-data | server-failure | timeout | unresolved in $outcome, $addresses
resolve() {
    addresses='' tries='' outcome=''
    case $1 in
    *:*) outcome=literal addresses=$1 ;;
    *[!0-9.]*) ;;
    *) outcome=literal addresses=$1 ;;
    esac
    if [ -n "$outcome" ]; then
        said="an address, nothing to resolve"
        return
    fi
    while read -r address names; do
        for name in ${names%%#*}; do
            case $address in \#*) continue ;; esac
            [ "$name" = "$1" ] && addresses="$addresses $address"
        done
    done 2>/dev/null <"$root/etc/hosts"
    if [ -n "$addresses" ]; then
        outcome=hosts-file said="$addresses from /etc/hosts"
        return
    fi
    if has nslookup && [ -n "$servers" ]; then
        for server in $servers; do
            asked "$1" "$server"
            json "$server"
            tries="$tries${tries:+,}{\"server\":\"$text\",\"name\":\"$1.\",\"outcome\":\"$answer\"}"
            case $answer in
            ok)
                outcome=ok said="$addresses from $server"
                return
                ;;
            nxdomain)
                outcome=nxdomain said="$server says that the name does not exist"
                return
                ;;
            no-data)
                outcome=no-data said="$server has no address for the name"
                return
                ;;
            timeout) outcome=${outcome:-timeout} ;;
            *) outcome=server-failure ;;
            esac
        done
        if [ "$outcome" = timeout ]; then said="no answer from$servers"; else said="$server: $answer"; fi
    elif has getent; then
        reply=$(bounded 8 getent ahosts "$1" 2>/dev/null)
        collect "$reply"
        if [ -n "$addresses" ]; then outcome=ok said="$addresses"; else outcome=unresolved said="no address (getent does not say why)"; fi
    else
        outcome='' said="neither nslookup nor getent is here"
    fi
}

# name server -> $answer, $addresses
asked() {
    reply=$(bounded 5 nslookup "$1." "$2" 2>&1)
    result=$?
    addresses='' past=
    oldifs=$IFS
    IFS=$nl
    for line in $reply; do
        case $line in
        *Name:*) past=1 ;;
        *Address*)
            value=${line##*: }
            value=${value##*"$tab"}
            value=${value%% *}
            case $value in *[!0-9a-fA-F.:]* | '') continue ;; esac
            [ -n "$past" ] && case " $addresses " in *" $value "*) ;; *) addresses="$addresses $value" ;; esac
            ;;
        esac
    done
    IFS=$oldifs
    case $reply in
    *NXDOMAIN*) answer=nxdomain ;;
    *SERVFAIL*) answer=servfail ;;
    *REFUSED*) answer=refused ;;
    *'timed out'* | *'no servers'* | *'no response'*) answer=timeout ;;
    *'onnection refused'*) answer=port-closed ;;
    *'No answer'*) answer=no-data ;;
    '') answer=timeout ;;
    *) answer=no-data ;;
    esac
    case $result in 124 | 143) [ $answer != no-data ] || answer=timeout ;; esac
    [ -n "$addresses" ] && answer=ok
}

collect() {
    for word in $1; do
        case $word in
        *[!0-9a-fA-F.:]*) ;;
        *[.:]*) case " $addresses " in *" $word "*) ;; *) addresses="$addresses $word" ;; esac ;;
        esac
    done
}

# ---- one request ----------------------------------------------------------------------------------------------------

# method url host port address [header]: -> $ending (http or the word for what happened), $at (connect, tls, http), $code, $reply
# BLOB is a GET of the beginning, of which the headers are kept
request() {
    ending='' at=http code='' reply=''
    case $http in
    curl) with_curl "$@" ;;
    gnu) with_gnu "$@" ;;
    busybox) with_busybox "$@" ;;
    esac
}

# command...: the beginning of what it says, and its exit code where that was all. Of a blob only what it says of it
run_cut() {
    if [ -n "$blob_of" ]; then
        {
            "$@"
            printf '\n%s ended %s.\n' "$nonce" $? >&2
        } | first $most_blob >/dev/null
    else
        {
            "$@" 2>&1
            printf '\n%s ended %s.\n' "$nonce" $?
        } | first $most
    fi
}

with_curl() {
    blob_of=
    case $1 in
    HEAD) how='-i -I' ;;
    BLOB) how="-D /dev/stderr -r $range" blob_of=1 ;;
    *) how='-i -X GET' ;;
    esac
    case $5 in *:*) to="[$5]" ;; *) to=$5 ;; esac
    # shellcheck disable=SC2086
    reply=$(run_cut bounded 12 curl -sSg $how $lax --max-time 10 --connect-timeout 4 --max-filesize 1000000 --noproxy '*' \
        ${cacert:+--cacert "$cacert"} --resolve "$3:$4:$to" -H "Accept: $accept" ${6:+-H "$6"} \
        -w '%{stderr}\ntook %{time_connect} %{time_appconnect} \n' "$2" 2>&1 </dev/null)
    ended
    reply=$(limit "$reply")
    case $result in
    0 | 23 | 63) ;; # 23: we have cut it off
    7)
        at=connect
        # newer versions say why only when they talk
        reply=$(run_cut bounded 12 curl -sgv -o /dev/null --max-time 10 --connect-timeout 4 --noproxy '*' \
            --resolve "$3:$4:$to" "$2" 2>&1 </dev/null)
        ended
        ;;
    28 | 124 | 143)
        case $reply in
        *'took 0.000000 0.000000'*) at=connect ending=timeout ;;
        *' 0.000000 '*) at=tls ending=timeout ;;
        *) ending=timeout ;;
        esac
        case $2 in http:*) [ $at = tls ] && at=http ;; esac
        ;;
    35 | 51 | 53 | 54 | 58 | 59 | 60 | 77 | 80 | 83) at=tls ;;
    18 | 52) ending=closed ;;
    56 | 55) ending=reset ;;
    *) ending=garbage ;;
    esac
    if [ -z "$ending" ]; then judge; elif [ "$1" = BLOB ] && [ $at = http ]; then partly; fi
}

with_gnu() {
    blob_of=
    case $1 in
    HEAD) how='-O - --spider' ;;
    BLOB) how="-O - --header Range:bytes=$range" blob_of=1 ;;
    *) how='-O -' ;;
    esac
    pinned "$2" "$3" "$5"
    # of the variables it reads none that names a bundle where it is built with GnuTLS
    trusted_by=${cacert:-$bundle}
    # shellcheck disable=SC2086
    reply=$(run_cut bounded 12 wget -S $how ${lax:+--no-check-certificate} ${trusted_by:+--ca-certificate="$trusted_by"} --max-redirect=0 \
        --tries=1 --timeout=5 --no-proxy --header "Accept: $accept" ${asked_as:+--header "$asked_as"} ${6:+--header "$6"} "$url_of" 2>&1 </dev/null)
    ended
    by_wget "$result"
    case $1:$reply in
    BLOB:*'Read error at byte'*'timed out'*)
        ending=timeout
        partly
        ;;
    BLOB:*'onnection closed at byte'* | BLOB:*'Read error at byte'*)
        ending=closed
        partly
        ;;
    esac
}

# url host address: over plain HTTP wget is told the address that was looked at, so that it resolves nothing anew
pinned() {
    url_of=$1 asked_as=
    case $1 in http://*) ;; *) return ;; esac
    case $3 in *:*) ip_of=[$3] ;; *) ip_of=$3 ;; esac
    rest_of=${1#http://}
    asked_as="Host: ${rest_of%%/*}"
    url_of=http://$ip_of${rest_of#"$2"}
}

# it knows neither HEAD nor Range, checks no certificate, follows redirects by itself and at times fails to shake hands
with_busybox() {
    blob_of=
    [ "$1" != BLOB ] || blob_of=1
    pinned "$2" "$3" "$5"
    for attempt_number in 1 2 3; do
        reply=$(run_cut bounded 6 wget -S -O - -Y off --header "Accept: $accept" ${asked_as:+--header "$asked_as"} "$url_of" 2>&1 </dev/null)
        ended
        by_wget "$result"
        case ${2%%:*}:$at:$ending in
        https:tls:* | https:http:garbage) ;;
        *) return ;;
        esac
        at=http
    done
    # its TLS is its own: that it does not come to terms with a server says little of the runtime's
    at=tls ending=no-answer blob_of=
    reply=$(run_cut bounded 6 wget -S -O - -Y off "http://$3:$4/v2/" 2>&1 </dev/null)
    case $reply in
    *'HTTP/1.'[01]' 400'*) ;; # how a TLS server answers one that does not speak it
    *'HTTP/1.'[01]' '[2345]*) ending=plain-http ;;
    esac
    reply=
}

by_wget() {
    result=$1
    # what it says before speaks of files
    case $reply in *'Connecting to'*) reply="Connecting to${reply#*Connecting to}" ;; esac
    reply=$(limit "$reply")
    if { [ "$result" = 124 ] || [ "$result" = 143 ]; } && [ -z "${reply##*Connecting to*}" ]; then
        case $reply in *HTTP/1*) ;; *)
            at=connect ending=no-answer
            return
            ;;
        esac
    fi
    judge
}

# a transfer that broke off after the headers: their status is in $code, what happened in $ending
partly() {
    case $reply in *HTTP/*) ;; *) return ;; esac
    broke=$ending
    judge
    case $code in
    2*) ending=$broke ;;
    esac
    [ "$ending" = timeout ] && ending=stalled
}

limit() { printf %.32768s "$1"; }

# what the tools' words in $reply say
judge() {
    case $reply in
    *'HTTP/1.'[01]' '[1-5][0-9][0-9]* | *'HTTP/2 '[1-5][0-9][0-9]*)
        at=http ending=http
        rest=${reply#*HTTP/}
        rest=${rest#* }
        code=${rest%"${rest#???}"}
        ;;
    *'onnection refused'*) at=connect ending=refused ;;
    *'o route to host'* | *'etwork is unreachable'*) at=connect ending=no-route ;;
    *'wrong version number'* | *'packet length too long'* | *'record layer failure'* | *'unexpected TLS packet'*) at=tls ending=plain-http ;;
    *'has expired'*) at=tls ending=expired ;;
    *'not yet valid'* | *'not yet activated'*) at=tls ending=not-yet-valid ;;
    *'have a known issuer'*) at=tls ending=unknown-authority ;;
    *"doesn't match"* | *'does not match'* | *'no alternative certificate'* | *'ostname mismatch'*) at=tls ending=hostname-mismatch ;;
    *'local issuer'* | *'self-signed'* | *'self signed'* | *'issuer'* | *'unable to get'* | *'is not trusted'*) at=tls ending=unknown-authority ;;
    *'onnection reset'*)
        [ $at = connect ] || at=tls
        ending=reset
        ;;
    *'unexpected eof'* | *'EOF'*) at=tls ending=closed ;;
    *'... connected.'*'imed out'*) at=tls ending=timeout ;; # GNU wget's one time-out is for the handshake as well
    *'imed out'*) at=connect ending=timeout ;;
    *'ouldn'?'t connect'* | *"can't connect"* | *'ailed to connect'*) at=connect ending=error ;;
    *)
        case $at in http) ending=garbage ;; tls) ending=handshake-failed ;; *) ending=error ;; esac
        ;;
    esac
}

# what a tool wrote -> its own sentence about what went wrong in $words
last_words() {
    words=
    oldifs=$IFS
    IFS=$nl
    for line in $1; do
        case $line in
        'curl: ('*)
            words=$line
            break
            ;;
        wget:* | ERROR:*) words=${words:-$line} ;;
        esac
    done
    IFS=$oldifs
    words=${words%took *}
    words=${words:-$ending}
}

# the certificate, by openssl, for an HTTP client that does not look at it: -> $ending
certificate() {
    case $1 in *:*) to="[$1]:$3" ;; *) to=$1:$3 ;; esac
    reply=$(bounded 6 openssl s_client -connect "$to" -servername "$2" -verify_hostname "$2" ${bundle:+-CAfile "$bundle"} </dev/null 2>&1)
    case $reply in
    *'erify return code: 0 '*) ending=ok ;;
    *'erify return code: 10 '*) ending=expired ;;
    *'erify return code: 9 '*) ending=not-yet-valid ;;
    *'erify return code: 62 '* | *'erify return code: 64 '*) ending=hostname-mismatch ;;
    *'erify return code: 2 '* | *'erify return code: 18 '* | *'erify return code: 19 '* | *'erify return code: 2'[01]' '*) ending=unknown-authority ;;
    *'wrong version number'* | *'packet length too long'* | *'record layer failure'*) ending=plain-http ;;
    *) ending=handshake-failed ;;
    esac
}

# ---- one host -------------------------------------------------------------------------------------------------------

# what a host is trusted by beside the bundle, from the node's configuration of the endpoint that leads there
lax='' cas='' cacert=''
# another host than the registry may be this machine's own where the registry is
inside=

# IPv4 address in any spelling (inet_aton(3)) -> its four numbers as $v4; 1 for what is none
ipv4() {
    v4=
    case $1 in *[!0-9a-fA-FxX.]* | '' | *..* | .* | *.) return 1 ;; esac
    oldifs=$IFS
    IFS=.
    # shellcheck disable=SC2086
    set -- $1
    IFS=$oldifs
    [ $# -le 4 ] || return 1
    whole_number=0 shift_of=24
    while [ $# -gt 0 ]; do
        case $1 in
        0[xX]*) case ${1#0?} in *[!0-9a-fA-F]* | '' | ?????????*) return 1 ;; esac ;;
        0?*) case $1 in *[!0-7]* | ?????????????*) return 1 ;; esac ;;
        *) case $1 in *[!0-9]* | ???????????*) return 1 ;; esac ;;
        esac
        if [ $# = 1 ]; then
            whole_number=$((whole_number + $1))
        else
            whole_number=$((whole_number + ($1 << shift_of)))
        fi
        shift_of=$((shift_of - 8))
        shift
    done
    v4=$((whole_number >> 24 & 255)).$((whole_number >> 16 & 255)).$((whole_number >> 8 & 255)).$((whole_number & 255))
}

# IPv6 address -> its eight numbers in $groups; 1 for what is none
ipv6() {
    groups='' ip_text=${1%%%*}
    case $ip_text in *[!0-9a-fA-F:.]* | '') return 1 ;; esac
    case $ip_text in *.*)
        ipv4 "${ip_text##*:}" || return 1
        oldifs=$IFS
        IFS=.
        # shellcheck disable=SC2086
        set -- $v4
        IFS=$oldifs
        ip_text=${ip_text%:*}:$(printf '%x:%x' $(($1 << 8 | $2)) $(($3 << 8 | $4)))
        ;;
    esac
    case $ip_text in
    *::*) front=${ip_text%%::*} back=${ip_text#*::} ;;
    *) front=$ip_text back= ;;
    esac
    oldifs=$IFS
    IFS=:
    # shellcheck disable=SC2086
    set -- $front
    front_count=$#
    # shellcheck disable=SC2086
    set -- $back
    missing_groups=$((8 - front_count - $#))
    zeros=
    while [ $missing_groups -gt 0 ]; do
        zeros=$zeros:0 missing_groups=$((missing_groups - 1))
    done
    # shellcheck disable=SC2086
    set -- $front ${zeros#:} $back
    IFS=$oldifs
    [ $# = 8 ] || return 1
    for group; do
        case $group in ?????*) return 1 ;; esac
        groups="$groups $((0x$group))"
    done
}

# four numbers with dots -> 0 for this machine's own, its link's or a cloud's metadata service ($clouds=1). The list is inward.py's
inward4() {
    clouds=
    case $1 in
    169.254.169.254 | 169.254.170.* | 169.254.42.42 | 169.254.0.23 | 100.100.100.200 | 168.63.129.16 | 192.0.0.192) clouds=1 ;;
    0.* | 127.* | 169.254.*) ;;
    *) return 1 ;;
    esac
}

# number number: two groups of an IPv6 address as IPv4
inner4() { inward4 $(($1 >> 8)).$(($1 & 255)).$(($2 >> 8)).$(($2 & 255)); }

# address -> 0 for one of this machine's own, a link-local one or a cloud's metadata service
inward() {
    clouds=
    case $1 in
    *:*)
        ipv6 "$1" || return 0
        # shellcheck disable=SC2086
        set -- $groups
        case $1:$2:$3:$4:$5:$6 in
        0:0:0:0:0:0 | 0:0:0:0:0:65535 | 100:65435:0:0:0:0 | 100:65435:1:*) inner4 "$7" "$8" ;;
        8194:*) inner4 "$2" "$3" ;;
        64768:3778:*) clouds=1 ;;
        64800:206:0:0:0:0) [ "$7:$8" = 0:596 ] && clouds=1 ;;
        64768:193:0:0:0:0) [ "$7:$8" = 43518:43518 ] && clouds=1 ;;
        64768:66:0:0:0:0) [ "$7:$8" = 0:66 ] && clouds=1 ;;
        64768:43518:43518:0:0:0) [ "$7:$8" = 0:1 ] && clouds=1 ;;
        64768:256:0:0:0:0) [ "$7:$8" = 256:512 ] && clouds=1 ;;
        *) [ $(($1 & 65472)) = 65152 ] ;;
        esac
        ;;
    *)
        # what is no address at all is asked nobody either
        ipv4 "$1" || return 0
        inward4 "$v4"
        ;;
    esac
}

# role host port scheme path [method]: dns, connect and tls. -> 0 where HTTP was answered: $code, $reply, $address
reach() {
    at='' ending='' code='' reply='' label=$2
    [ "$3" = 443 ] || label=$2:$3
    resolve "$2"
    [ -n "$outcome" ] || return 1
    emit dns "$1" "$label" "$outcome" "$said" "" "\"servers\":[$tries],\"resolver\":\"$resolver\""
    address=
    for each in $addresses; do
        case $each in *:*) [ -n "$address" ] || address=$each ;; *)
            address=$each
            break
            ;;
        esac
    done
    [ -n "$address" ] || return 1
    case $1 in
    registry | mirror)
        inside=1
        for each in $addresses; do
            inward "$each" || inside=
        done
        ;;
    *)
        for each in $addresses; do
            if inward "$each" && { [ -z "$inside" ] || [ -n "$clouds" ]; }; then
                emit connect "$1" "$label" not-asked "$label is $each, this machine's own, a link-local or a metadata address: not asked" ""
                return 1
            fi
        done
        ;;
    esac
    port=$3
    if [ $http = none ]; then
        with_nc "$1"
        return 1
    fi
    cacert=
    request "${6:-GET}" "$4://$label$5" "$2" "$3" "$address" ''
    for file in $cas; do
        if [ "$at:$ending" = tls:unknown-authority ] && [ -r "$root$file" ]; then
            cacert=$root$file
            request "${6:-GET}" "$4://$label$5" "$2" "$3" "$address" ''
        fi
    done
    if [ "$at" = connect ]; then
        last_words "$reply"
        case $ending in
        refused) words="connection refused" ;;
        no-route) words="no route to host" ;;
        timeout | no-answer) words="no answer" ;;
        esac
        emit connect "$1" "$label" "$ending" "$address:$port $words" "" "\"tried\":[]"
        return 1
    fi
    emit connect "$1" "$label" open "$address:$port accepts connections" ""
    [ "$4" = http ] || tell_tls "$1" "$2" || return 1
    [ -n "$code" ]
}

with_nc() {
    if has nc; then
        reply=$(bounded 5 nc -z -w 4 "$address" "$port" 2>&1 </dev/null)
        result=$?
        case $result:$reply in
        0:*) emit connect "$1" "$label" open "$address:$port accepts connections" "" ;;
        *refused*) emit connect "$1" "$label" refused "connection refused" "" ;;
        *route*) emit connect "$1" "$label" no-route "no route to host" "" ;;
        *) emit connect "$1" "$label" no-answer "no answer, or nc does not say why" "" ;;
        esac
    fi
}

# role host: the tls observation from what the request showed. -> 1 where the walk ends here
tell_tls() {
    by=${bundle#"$root"}
    [ -z "$cacert" ] || by=${cacert#"$root"}
    [ -z "$lax" ] || by='anything (skip_verify)'
    json "$by"
    trusted="\"trust\":\"$text\""
    if [ "$at" = tls ]; then
        last_words "$reply"
        [ "$ending" != no-answer ] || words="busybox wget does not come to terms with it, which says little of others"
        emit tls "$1" "$label" "$ending" "$words" "" "$trusted"
        return 1
    fi
    if [ $http = busybox ] && [ -z "$lax" ]; then
        if has openssl; then
            kept=$reply kept_ending=$ending
            certificate "$address" "$2" "$port"
            emit tls "$1" "$label" "$ending" "by openssl: $ending" ""
            [ "$ending" = ok ] || return 1
            reply=$kept ending=$kept_ending
        else
            emit tls "$1" "$label" not-verified "handshake done, certificate not checked (busybox wget)" ""
        fi
    else
        emit tls "$1" "$label" ok "certificate accepted" "" "$trusted"
    fi
}

# as reach, for a host that several images may lead to: each is told of once, and one that could not be spoken to not asked again
again() {
    key=$1/$2:$3/$attempt
    case $known in
    *" $key- "*)
        at='' ending='' code='' label=$2
        [ "$3" = 443 ] || label=$2:$3
        return 1
        ;;
    *" $key "*) quiet=1 ;;
    esac
    if reach "$@"; then reached=0; else reached=1; fi
    if [ -z "$quiet" ]; then
        if [ $reached = 0 ]; then known="$known$key "; else known="$known$key- "; fi
    fi
    quiet=
    return $reached
}
known=' '

# ---- the node's configuration ---------------------------------------------------------------------------------------

# $line without the blanks around it
trim() {
    line=${line%"$cr"}
    line=${line#"${line%%[! "$tab"]*}"}
    line=${line%"${line##*[! "$tab"]}"}
}

# a TOML string or list of strings on one line -> its words in $value; 1 for what is neither
toml_words() {
    line=$1
    trim
    case $line in
    '"'*'"' | "'"*"'") line="[$line]" ;;
    '['*']') ;;
    *) return 1 ;;
    esac
    line=${line#?}
    line=${line%?}
    value=
    oldifs=$IFS
    IFS=,
    for word in $line; do
        IFS=$oldifs
        line=$word
        trim
        case $line in
        '"'*'"' | "'"*"'")
            line=${line#?}
            value="$value${value:+ }${line%?}"
            ;;
        '') ;;
        *) return 1 ;;
        esac
    done
    IFS=$oldifs
}

# file -> $section and $key and $value of each line, given to the function $2 as "section key value"; 1 where a line is beyond us
toml_lines() {
    section=
    while IFS= read -r line || [ -n "$line" ]; do
        trim
        case $line in
        '' | '#'*) continue ;;
        '['*']')
            section=$line
            $2 "$section" '' '' || return 1
            continue
            ;;
        *\#*)
            case ${line#*#} in *[\"\']*) return 1 ;; esac
            line=${line%%#*}
            trim
            ;;
        esac
        case $line in
        *=*) ;;
        *) return 1 ;;
        esac
        value=${line#*=}
        line=${line%%=*}
        trim
        $2 "$section" "$line" "$value" || return 1
    done <"$1"
}

of_config() {
    case $1:$2 in
    *'.registry]:config_path')
        toml_words "$3" || return 1
        certs=$value
        ;;
    *'.registry.mirrors'*) legacy=1 ;;
    esac
    return 0
}

# only what concerns registries has to be understood
config_lines() {
    section=
    while IFS= read -r line || [ -n "$line" ]; do
        trim
        case $line in
        '['*) section=$line ;;
        config_path*=*) of_config "$section" config_path "${line#*=}" || return 1 ;;
        esac
        of_config "$section" '' ''
    done <"$1"
}

# url path-is-whole -> $scheme_of $host_of $port_of $prefix_of; 1 for what is no plain address
split_url() {
    case $1 in
    http://*) scheme_of=http part=${1#http://} ;;
    https://*) scheme_of=https part=${1#https://} ;;
    *) scheme_of=https part=$1 ;;
    esac
    case $part in *[!A-Za-z0-9._:/-]* | '') return 1 ;; esac
    host_of=${part%%/*} prefix_of=
    case $part in */*) prefix_of=/${part#*/} ;; esac
    port_of=443
    [ $scheme_of = https ] || port_of=80
    case $host_of in
    *:*:*) return 1 ;;
    *:*) port_of=${host_of##*:} host_of=${host_of%%:*} ;;
    esac
    case $port_of in *[!0-9]* | '') return 1 ;; esac
    while [ -n "$prefix_of" ] && [ -z "${prefix_of##*/}" ]; do prefix_of=${prefix_of%/}; done
    case $2:$prefix_of in
    true:* | *:*/v2) ;;
    *) prefix_of=$prefix_of/v2 ;;
    esac
}

# the table of one endpoint is complete: $url and the rest -> a line more in $ends
endpoint() {
    [ -n "$url" ] || return 0
    split_url "$url" "$override" || return 1
    ends_count=$((ends_count + 1))
    [ "$ends_count" -le 8 ] && [ ${#url} -le 500 ] || return 1
    role=mirror
    if [ "$host_of:$port_of" = "$own_host:$own_port" ]; then role=registry; fi
    case " $can " in '  ') can='pull resolve' ;; esac
    paths=
    for file in $ca; do
        case $file in /*) paths="$paths $file" ;; *) paths="$paths $directory/$file" ;; esac
    done
    ends="$ends$role|$scheme_of|$host_of|$port_of|$prefix_of|$skip|$paths|$can$nl"
    url='' can='' ca='' skip='' override=''
}

of_hosts() {
    case $2 in
    '')
        case $1 in
        '[host."'*'".header]' | "[host.'"*"'.header]") return 0 ;;
        '[host."'*'"]' | "[host.'"*"']")
            if [ -n "$at_root" ]; then
                at_root='' server=$url server_can=$can server_ca=$ca server_skip=$skip server_override=$override
                url=
            fi
            endpoint || return 1
            can='' ca='' skip='' override=''
            url=${1#???????}
            url=${url%??}
            ;;
        *) return 1 ;;
        esac
        return 0
        ;;
    esac
    case $1 in *'.header]') return 0 ;; esac
    case $2 in
    server)
        toml_words "$3" || return 1
        [ -z "$at_root" ] || url=$value
        ;;
    capabilities)
        toml_words "$3" || return 1
        can=$value
        ;;
    ca)
        toml_words "$3" || return 1
        ca=$value
        ;;
    skip_verify | override_path)
        line=$3
        trim
        case $line in true | false) ;; *) return 1 ;; esac
        if [ "$2" = skip_verify ]; then skip=$line; else override=$line; fi
        ;;
    esac
    return 0
}

# scheme host port -> the endpoints that containerd asks, a line each in $ends; $configured, $source, $said
endpoints() {
    own_scheme=$1 own_host=$2 own_port=$3
    own="registry|$1|$2|$3|/v2|||pull resolve$nl"
    ends=$own configured=default said="no mirror is configured for it" source=/etc/containerd/config.toml
    [ -d "$root/etc" ] || return 1
    if [ ! -r "$root$source" ]; then
        configured=unknown said="no containerd configuration was found, so mirrors are unknown"
        [ ! -e "$root$source" ] || configured=unreadable said="$source cannot be read by the probe, so mirrors are unknown"
        return
    fi
    certs='' legacy=
    set +f
    for file in "$root$source" "$root"/etc/containerd/conf.d/*.toml; do
        [ -r "$file" ] || continue
        if ! config_lines "$file"; then
            configured=unreadable said="${file#"$root"} is more than a shell can read, so mirrors are unknown"
            set -f
            return
        fi
    done
    set -f
    if [ -z "$certs" ]; then
        [ -z "$legacy" ] || configured=unreadable said="$source names mirrors in the old way, which a shell does not read"
        return
    fi
    name=$2
    [ "$3" = 443 ] || name=$2:$3
    [ "$2" != registry-1.docker.io ] || name=docker.io
    oldifs=$IFS
    IFS=:
    for path in $certs; do
        IFS=$oldifs
        path=${path%/}
        if ! shown "$path"; then
            configured=unreadable source=$path said="$path cannot be read by the probe, so mirrors are unknown"
            return
        fi
        for directory in "$path/${name%%:*}_${name##*:}_" "$path/$name" "$path/_default"; do
            if [ -d "$root$directory" ]; then
                of_directory
                return
            fi
        done
    done
    IFS=$oldifs
}

of_directory() {
    source=$directory/hosts.toml
    if [ ! -r "$root$source" ]; then
        [ ! -e "$root$source" ] || configured=unreadable said="$source cannot be read by the probe, so mirrors are unknown"
        return
    fi
    ends='' ends_count=0 at_root=1 url='' can='' ca='' skip='' override='' server='' server_can='' server_ca='' server_skip='' server_override=''
    if ! toml_lines "$root$source" of_hosts; then
        ends=$own configured=unreadable said="$source is more than a shell can read, so mirrors are unknown"
        return
    fi
    if [ -n "$at_root" ]; then
        server=$url server_can=$can server_ca=$ca server_skip=$skip server_override=$override
        url=
    fi
    if ! endpoint; then
        ends=$own configured=unreadable said="$source names an address that a shell does not read"
        return
    fi
    url=$server can=$server_can ca=$server_ca skip=$server_skip override=$server_override
    if [ -z "$url" ]; then
        url=$own_scheme://$own_host:$own_port can='' override=
    fi
    if ! endpoint; then
        ends=$own configured=unreadable said="$source names an address that a shell does not read"
        return
    fi
    configured=configured said=$source
}

# what was found -> $said and $listed, the JSON of the endpoints
list_endpoints() {
    listed='' names=
    while IFS='|' read -r role scheme host port prefix skip paths can <&3; do
        [ -n "$role" ] || continue
        label=$host
        [ "$port" = 443 ] || label=$host:$port
        files=
        for file in $paths; do
            json "$file"
            files="$files${files:+,}\"$text\""
        done
        case " $can " in *' resolve '*) resolves=true ;; *) resolves=false ;; esac
        case " $can " in *' pull '*) pulls=true ;; *) pulls=false ;; esac
        json "$label"
        listed="$listed${listed:+,}{\"role\":\"$role\",\"host\":\"$text\",\"scheme\":\"$scheme\",\"prefix\":\"$prefix\",\"skip_verify\":${skip:-false},\"ca\":[$files],\"resolve\":$resolves,\"pull\":$pulls}"
        names="$names${names:+, then }$label"
    done 3<<END
$ends
END
    [ "$configured" != configured ] || said="$said: $names"
}

# the proxy settings in the runtime's unit files, without their credentials: $proxy_https $proxy_http $proxy_no $proxy_source;
# $proxy_unread: files whose settings cannot be told apart from a password without fail
proxies() {
    proxy_https='' proxy_http='' proxy_no='' proxy_source='' proxy_unread=
    set +f
    for unit in containerd crio docker k3s k3s-agent rke2-server rke2-agent; do
        base=/etc/systemd/system/$unit.service
        for file in "$root$base" "$root$base.d"/*.conf "$root/etc/default/$unit" "$root/etc/sysconfig/$unit"; do
            [ -r "$file" ] && [ -f "$file" ] || continue
            lines=0
            while IFS= read -r line || [ -n "$line" ]; do
                lines=$((lines + 1))
                [ $lines -le 2000 ] || break
                trim
                case $line in
                *[Pp][Rr][Oo][Xx][Yy]*) ;;
                *) continue ;;
                esac
                case $line in
                [#\;]*) continue ;;
                Environment=* | DefaultEnvironment=*)
                    at_signs='' bare_urls=
                    if ! assignments "${line#*=}" plain || { [ -n "$at_signs" ] && [ -n "$bare_urls" ]; } ||
                        ! assignments "${line#*=}" assignment; then
                        doubtful
                    fi
                    ;;
                [A-Za-z_]*=*) assignment "${line%%=*}" "${line#*=}" || doubtful ;;
                esac
            done <"$file"
        done
    done
    set -f
}

doubtful() {
    file=${file#"$root"}
    case " $proxy_unread " in *" $file "*) ;; *) proxy_unread="$proxy_unread${proxy_unread:+ }$file" ;; esac
    file=$root$file
}

# name value: whether the words of a line can be told apart: where one has a login, every address has, and nothing else has an @
plain() {
    case $1:$2 in
    [Hh][Tt][Tt][Pp]*_[Pp][Rr][Oo][Xx][Yy]:*@*) at_signs=1 ;;
    [Hh][Tt][Tt][Pp]*_[Pp][Rr][Oo][Xx][Yy]:*) bare_urls=1 ;;
    *@*) return 1 ;;
    esac
}

# words function: the words of Environment=, each NAME=VALUE, in quotes or not, given to the function as "name value"; 1 for what is
# not plainly so: a password may have any character
assignments() {
    left_of=$1
    case $left_of in *\\*) return 1 ;; esac
    while :; do
        left_of=${left_of#"${left_of%%[! "$tab"]*}"}
        case $left_of in
        '') return 0 ;;
        '"'*) mark='"' ;;
        "'"*) mark="'" ;;
        *) mark= ;;
        esac
        if [ -n "$mark" ]; then
            left_of=${left_of#?}
            case $left_of in *"$mark"*) ;; *) return 1 ;; esac
            word=${left_of%%"$mark"*} left_of=${left_of#*"$mark"}
            case $left_of in '' | [" $tab"]*) ;; *) return 1 ;; esac
        else
            word=${left_of%%[ "$tab"]*} left_of=${left_of#"$word"}
            case $word in *[\"\']*) return 1 ;; esac
        fi
        case $word in [A-Za-z_]*=*) ;; *) return 1 ;; esac
        case ${left_of#"${left_of%%[! "$tab"]*}"} in '' | [A-Za-z_\"\']*) ;; *) return 1 ;; esac
        $2 "${word%%=*}" "${word#*=}" || return 1
    done
}

# name value: one setting, where it is one of ours and nothing but an address is left of it; else 1
assignment() {
    setting=$1 value=$2
    case $setting in
    HTTPS_PROXY | https_proxy | HTTP_PROXY | http_proxy | NO_PROXY | no_proxy) ;;
    *) return 0 ;;
    esac
    case $value in
    '"'*'"')
        value=${value#?}
        value=${value%?}
        ;;
    "'"*"'")
        value=${value#?}
        value=${value%?}
        ;;
    esac
    case $setting in
    [Nn]*)
        case $value in *[!A-Za-z0-9.,:/*\ _-]*) return 1 ;; esac
        proxy_no=$value
        ;;
    *)
        scheme_in=
        case $value in
        http://* | https://* | socks5://* | socks5h://*)
            scheme_in=${value%%://*}://
            value=${value#*://}
            ;;
        esac
        # a login stands before the last @, whatever it is made of
        value=${value##*@}
        value=${value%%/*}
        case $value in *[!A-Za-z0-9.:_-]* | '' | *:*[!0-9]*) return 1 ;; esac
        case $setting in
        [Hh]*[Ss]_*) proxy_https=$scheme_in$value ;;
        *) proxy_http=$scheme_in$value ;;
        esac
        ;;
    esac
    proxy_source=${file#"$root"}
}

# host -> 0 where no_proxy has it. A network in it is beyond us and spares nothing
spared() {
    spares=1
    oldifs=$IFS
    IFS=', '
    for name in $proxy_no; do
        name=${name#\*}
        case $1 in "$name" | *."${name#.}") [ -z "$name" ] || spares=0 ;; esac
        [ "$name" != '' ] || spares=0
    done
    IFS=$oldifs
    return $spares
}

# scheme host port: the proxy that the unit files name for it, whether it is there and lets through
through_proxy() {
    found=$proxy_https
    [ "$1" = https ] || found=$proxy_http
    [ -n "$found" ] || return
    spared "$2" && return
    case $found in https://*) return ;; esac
    split_url "http://${found#http://}" true || return
    proxy_host=$host_of proxy_port=$port_of
    key=proxy/$proxy_host:$proxy_port
    label=$proxy_host:$proxy_port
    [ "$proxy_port" != 443 ] || label=$proxy_host
    case $known in *" $key "*) quiet=1 ;; *) known="$known$key " ;; esac
    resolve "$proxy_host"
    emit dns proxy "$label" "${outcome:-unresolved}" "$said" "" "\"servers\":[$tries],\"resolver\":\"$resolver\""
    quiet=
    if [ -z "$addresses" ]; then
        emit connect proxy "$label" not-reached "$label cannot be spoken to" "$pull"
        return
    fi
    [ $http = curl ] && [ "$1" = https ] || return
    reply=$(bounded 10 curl -sSgkI -o /dev/null --max-time 8 --connect-timeout 4 --noproxy '' --proxy "http://$proxy_host:$proxy_port" \
        -w '%{stderr}answered %{http_connect}.' "https://$2:$3/v2/" 2>&1 </dev/null)
    result=$?
    case $reply in
    *'answered 200.'*) emit connect proxy "$label" tunnel "lets through to $2:$3" "$pull" ;;
    *'answered '[1-5][0-9][0-9].*)
        value=${reply##*answered }
        emit connect proxy "$label" "${value%.}" "asked for $2:$3, it answers ${value%.}" "$pull"
        ;;
    *)
        at=connect
        judge
        [ $result != 28 ] || ending=timeout
        emit connect proxy "$label" "$ending" "asked for $2:$3: $ending" "$pull"
        ;;
    esac
}

# ---- one image ------------------------------------------------------------------------------------------------------

# the value of a header line in $reply, by its name in lower case, in $value
header() {
    value=
    oldifs=$IFS
    IFS=$nl
    for line in $reply; do
        line=${line%"$cr"}
        case $line in
        '{'*) break ;;
        *[Ww][Ww][Ww]-[Aa]uthenticate:*) name=www-authenticate ;;
        [Ll]ocation:* | *[!-][Ll]ocation:*) name=location ;;
        *[Dd]ocker-[Rr]ate[Ll]imit-[Ss]ource:*) name=source ;;
        *[Rr]ate[Ll]imit-[Ll]imit:*) name=limit ;;
        *[Rr]ate[Ll]imit-[Rr]emaining:*) name=remaining ;;
        *) continue ;;
        esac
        if [ "$1" = $name ]; then
            [ ${#line} -le $((most_header + 100)) ] || line=${line%%:*}:too-long
            value=${line#*:}
            value=${value#"${value%%[! "$tab"]*}"}
            break
        fi
    done
    IFS=$oldifs
}

# text -> the same for a query in $value; what has no place there is left out
escape() {
    value='' rest=$1
    while [ -n "$rest" ]; do
        char=${rest%"${rest#?}"}
        rest=${rest#?}
        case $char in
        [A-Za-z0-9._~/:@-]) value=$value$char ;;
        ' ') value=$value%20 ;;
        esac
    done
}

# realm service repository -> $token; tells the token host's hops
fetch_token() {
    token=
    case $1 in
    https://*) part=${1#https://} ;;
    *)
        emit auth $role "$registry" bad-realm "the realm is no https address" "$pull"
        return
        ;;
    esac
    case $1 in *[!A-Za-z0-9._~:/?\&=%+-]*)
        emit auth $role "$registry" bad-realm "the realm is no plain address" "$pull"
        return
        ;;
    esac
    authority=${part%%[/?]*}
    path=${part#"$authority"}
    case $path in /*) ;; *) path=/$path ;; esac
    realm_host=${authority%%:*} realm_port=443
    case $authority in *:*) realm_port=${authority##*:} ;; esac
    case $path in *\?*) joint='&' ;; *) joint='?' ;; esac
    escape "$2"
    query="${joint}service=$value&scope=repository%3A$3%3Apull"
    if ! again token "$realm_host" "$realm_port" https "$path$query"; then
        emit auth token "$label" not-reached "$label cannot be spoken to" "$pull"
        return
    fi
    case $reply in
    *'"token"'*) token=${reply#*\"token\"} ;;
    *'"access_token"'*) token=${reply#*\"access_token\"} ;;
    esac
    token=${token#*:}
    token=${token#*\"}
    token=${token%%\"*}
    case $token in *[!A-Za-z0-9._~+/=-]*) token= ;; esac
    if [ "$code" = 200 ] && [ -n "$token" ]; then
        emit auth token "$label" token "token granted anonymously" "$pull"
    elif [ "$code" = 200 ]; then
        token=
        emit auth token "$label" no-token "no token in the answer" "$pull"
    else
        token=
        emit auth token "$label" "$code" "no token anonymously: HTTP $code" "$pull" "\"token_status\":$code"
    fi
}

parameter() {
    value=
    case $1 in *"$2=\""*) value=${1#*"$2"=\"} value=${value%%\"*} ;; esac
}

# the registry's own error codes in $reply, as JSON in $errors
error_codes() {
    errors=
    for word in NAME_UNKNOWN MANIFEST_UNKNOWN BLOB_UNKNOWN DENIED UNAUTHORIZED TOOMANYREQUESTS; do
        case $reply in *"\"code\":\"$word\""* | *"\"code\": \"$word\""*) errors="{\"code\":\"$word\"}" ;; esac
    done
}

# text -> the same as a number of JSON in $number; 1 for what is none, or absurd
number() {
    number=$1
    case $number in *[!0-9]* | '' | ??????????*) return 1 ;; esac
    while :; do case $number in 0?*) number=${number#0} ;; *) return 0 ;; esac done
}

# the rate observation of $reply's headers. -> 0 where the registry counts pulls
rate() {
    header limit
    limit_said=$value
    header remaining
    left_said=$value
    header source
    source_said=$value
    [ -n "$limit_said$left_said" ] || [ "$code" = 429 ] || return 1
    data="\"status\":$code" words=throttled result=ok
    most_pulls=${limit_said%%;*} left=${left_said%%;*} window=
    case $limit_said in *';w='*) window=${limit_said##*;w=} ;; esac
    if number "$most_pulls"; then data="$data,\"limit\":$number" most_pulls=$number; else most_pulls=?; fi
    if number "$window"; then data="$data,\"window\":$number"; fi
    if number "$left"; then data="$data,\"remaining\":$number" left=$number words="$number of $most_pulls pulls left"; else left=; fi
    if [ "$code" = 429 ] || [ "$left" = 0 ]; then result=limited; fi
    if [ -n "$source_said" ]; then
        words="$words for $source_said"
        json "$source_said"
        data="$data,\"source\":\"$text\""
    fi
    emit rate $role "$registry" $result "$words" "$pull" "$data"
}

# role scheme host port prefix repository asked address: the manifest, anonymously, and what is behind it
manifest() {
    role=$1 registry=$label base=$2://$label$5/$6 registry_host=$3 registry_port=$4 registry_address=$8 registry_scheme=$2
    url=$base/manifests/$7$query_ns
    request HEAD "$url" "$3" "$4" "$8" ''
    bearer=
    if [ "$code" = 401 ]; then
        header www-authenticate
        if [ "$value" = too-long ] || [ ${#value} -gt $most_challenge ]; then
            emit auth $role "$registry" not-verified "what is asked for is longer than a shell can read" "$pull" "\"status\":401"
            return
        fi
        case $value in
        [Bb]earer*)
            challenge=$value kept=$cacert
            parameter "$challenge" realm
            realm=$value
            parameter "$challenge" service
            fetch_token "$realm" "$value" "$6"
            [ -n "$token" ] || return
            bearer="Authorization: Bearer $token" cacert=$kept
            request HEAD "$url" "$3" "$4" "$8" "$bearer"
            ;;
        [Bb]asic*)
            emit auth $role "$registry" basic "credentials asked for (basic)" "$pull" "\"status\":401"
            return
            ;;
        *)
            # busybox wget shows no header of a 401
            emit manifest $role "$registry" 401 "HTTP 401; this tool does not show what is asked for" "$pull" "\"status\":401"
            return
            ;;
        esac
    elif [ "$code" = 200 ] || [ "$code" = 404 ]; then
        emit auth $role "$registry" not-needed "no credentials asked for" "$pull"
    fi
    status=$code first=$reply how_ended=$ending
    if [ "$code" = 404 ] || [ "$code" = 403 ] || [ "$code" = 401 ]; then
        request GET "$url" "$3" "$4" "$8" "$bearer"
    fi
    error_codes
    data="\"status\":${status:-0},\"errors\":[$errors]"
    if [ "$status" = 404 ]; then
        request GET "$base/tags/list" "$3" "$4" "$8" "$bearer"
        error_codes
        data="$data,\"tags_status\":${code:-0},\"tags_errors\":[$errors]"
    fi
    case $7 in *:*) name=$6@$7 ;; *) name=$6:$7 ;; esac
    if [ "$status" = 200 ]; then said="$name is there"; else said="$name: HTTP ${status:-none} ($how_ended)"; fi
    emit manifest $role "$registry" "${status:-$how_ended}" "$said" "$pull" "$data"
    code=$status reply=$first
    [ -n "$code" ] || return
    rate && return
    [ "$code" = 200 ] && [ -z "$whole" ] && content
}

# JSON in $reply without its blanks -> $body
squeeze() {
    case $reply in *'{'*) body={${reply#*\{} ;; *) body= ;; esac
    squeezed=
    for word in $body; do squeezed=$squeezed$word; done
    body=$squeezed
}

# the string that follows in $1 after the member $2 -> $value
member() {
    value=
    case $1 in *"\"$2\":\""*) value=${1#*"\"$2\":\""} value=${value%%\"*} ;; esac
    case $value in *[!A-Za-z0-9.:_/+-]*) value= ;; esac
    [ ${#value} -le 160 ] || value=
}

# os architecture variant -> its JSON in $value, in words in $named
platform_of() {
    named=${1:-unknown}/${2:-unknown}${3:+/$3}
    value="{\"os\":\"${1:-unknown}\",\"architecture\":\"${2:-unknown}\"${3:+,\"variant\":\"$3\"}}"
}

# what the image is made of: its platforms, its configuration and the beginning of a layer
content() {
    request GET "$url" "$registry_host" "$registry_port" "$registry_address" "$bearer"
    [ "$code" = 200 ] || return
    squeeze
    single=1
    case $body in *'"manifests":['*)
        single='' list=${body#*\"manifests\":[} platforms='' shown='' chosen='' entries=0
        while [ $entries -lt 60 ]; do
            case $list in *'"digest":"'*) ;; *) break ;; esac
            list=${list#*\"digest\":\"}
            digest=${list%%\"*}
            piece=${list%%\"digest\":\"*}
            member "$piece" os
            system=$value
            member "$piece" architecture
            architecture=$value
            member "$piece" variant
            platform_of "$system" "$architecture" "$value"
            platforms="$platforms${platforms:+,}$value"
            entries=$((entries + 1))
            [ "$named" = unknown/unknown ] || shown="$shown${shown:+, }$named"
            if [ -z "$chosen" ] && [ "$system/$architecture" = "linux/$machine" ]; then chosen=$digest; fi
        done
        emit platform $role "$registry" index "an index with ${shown:-nothing in it}" "$pull" "\"platforms\":[$platforms],\"entries\":$entries"
        case $chosen in sha256:* | sha512:*) ;; *) return ;; esac
        case $chosen in *[!a-z0-9:]*) return ;; esac
        request GET "$base/manifests/$chosen$query_ns" "$registry_host" "$registry_port" "$registry_address" "$bearer"
        [ "$code" = 200 ] || return
        squeeze
        ;;
    esac
    case $body in *'"config":{'*) ;; *) return ;; esac
    list=${body#*\"config\":\{}
    member "${list%%\}*}" digest
    config=$value layer=
    case $body in *'"layers":['*)
        list=${body#*\"layers\":[}
        case ${list%%]*} in *'"urls":'*) ;; *)
            member "${list%%]*}" digest
            layer=$value
            ;;
        esac
        ;;
    esac
    blob configuration "$config" || return
    if [ -n "$single" ] && [ "$http" != busybox ]; then one_platform; fi
    # busybox has no way to ask for the beginning only
    if [ -n "$layer" ] && [ "$http" != busybox ]; then blob layer "$layer" || return; fi
    emit blobs "$blob_role" "$blob_host" ok "the configuration${layer:+ and the beginning of a layer} can be fetched" "$pull"
}

# an image that is in no index tells its platform in its configuration, where that is not somewhere else
one_platform() {
    [ "$blob_role" = "$role" ] || return
    request GET "$base/blobs/$config$query_ns" "$registry_host" "$registry_port" "$registry_address" "$bearer"
    [ "$code" = 200 ] || return
    squeeze
    member "$body" architecture
    architecture=$value
    member "$body" os
    [ -n "$architecture$value" ] || return
    platform_of "$value" "$architecture" ''
    emit platform $role "$registry" single "one image, for $named" "$pull" "\"platforms\":[$value],\"single\":true"
}

# kind digest: one blob, redirects followed by hand; the hosts that it is sent to never see a token. -> 1 where it cannot be had
blob() {
    case $2 in sha256:* | sha512:*) ;; *) return 1 ;; esac
    case $2 in *[!a-z0-9:]*) return 1 ;; esac
    where=$base/blobs/$2$query_ns blob_role=$role blob_host=$registry
    request BLOB "$where" "$registry_host" "$registry_port" "$registry_address" "$bearer"
    hops=0 too_long=
    while [ $hops -lt 4 ]; do
        case $code in 301 | 302 | 303 | 307 | 308) ;; *) break ;; esac
        header location
        value=${value%% *}
        [ -n "$value" ] || break
        if [ "$value" = too-long ]; then
            ending=not-verified code='' too_long=1
            break
        fi
        case $value in
        http://* | https://*) where=$value ;;
        /*)
            part=${where#*://}
            where=${where%%://*}://${part%%/*}$value
            ;;
        *)
            ending=garbage code=
            break
            ;;
        esac
        part=${where#*://}
        path=${part#"${part%%[/?]*}"}
        case $path in /*) ;; *) path=/$path ;; esac
        split_url "${where%%://*}://${part%%[/?]*}" true || {
            ending=garbage code=
            break
        }
        if [ "$scheme_of://$host_of:$port_of" = "$registry_scheme://$registry_host:$registry_port" ]; then
            request BLOB "$where" "$registry_host" "$registry_port" "$registry_address" "$bearer"
        else
            blob_role=blob
            if again blob "$host_of" "$port_of" "$scheme_of" "$path" BLOB; then
                blob_host=$label
            else
                blob_host=$label
                if [ "$at" != http ] || [ -z "$ending" ]; then
                    ending=not-reached
                fi
                code=
            fi
        fi
        hops=$((hops + 1))
    done
    case $code in 301 | 302 | 303 | 307 | 308) [ $hops -lt 4 ] || ending=redirects ;; esac
    case $ending:$code in
    http:200 | http:206) return 0 ;;
    esac
    error_codes
    word=$code
    [ "$ending" = http ] || word=$ending
    words="HTTP $code"
    [ "$ending" = http ] || words=$ending
    [ -z "$too_long" ] || words="redirected to an address that is too long to follow"
    emit blobs "$blob_role" "$blob_host" "$word" "$1 ${2%"${2#???????????????????}"}...: $words" "$pull" \
        "\"kind\":\"$1\",\"digest\":\"$2\",\"status\":${code:-0},\"errors\":[$errors]"
    return 1
}

# role scheme host port prefix skip ca repository asked: one endpoint of an image; $whole is set when it has the image
try() {
    attempt='' query_ns='' lax='' cas=$7 cacert=
    label=$3
    [ "$4" = 443 ] || label=$3:$4
    if [ "$1" = mirror ]; then
        attempt=$label
        query_ns="?ns=$name_of"
    fi
    [ "$6" != true ] || lax=-k
    key=$1/$3:$4
    case $greeted in
    *" $key=- "*)
        [ -z "$attempt" ] || emit manifest "$1" "$label" not-reached "$label cannot be spoken to" "$pull" ""
        return
        ;;
    *" $key="*)
        address=${greeted#*" $key="}
        address=${address%% *}
        inside=${address##*|} address=${address%|*}
        cacert=${address#*|} address=${address%%|*}
        ;;
    *)
        if ! reach "$1" "$3" "$4" "$2" "$5/"; then
            greeted="$greeted$key=- "
            if [ "$at" = http ] && [ -n "$ending" ] && [ -n "$address" ]; then
                emit registry "$1" "$label" "$ending" "no answer to GET /v2/ ($ending)" ""
            elif [ -n "$attempt" ]; then
                emit manifest "$1" "$label" not-reached "$label cannot be spoken to" "$pull" ""
            fi
            return
        fi
        greeted="$greeted$key=$address|$cacert|$inside "
        api=
        case $reply in *[Dd]istribution-[Aa][Pp][Ii]-[Vv]ersion*) api=registry/2.0 ;; esac
        kind=
        case $reply in *[Cc]ontent-[Tt]ype:\ text/html*) kind=text/html ;; esac
        emit registry "$1" "$label" "$code" "HTTP $code" "" "\"status\":$code,\"api_version\":\"$api\",\"content_type\":\"$kind\",\"errors\":[]"
        ;;
    esac
    manifest "$1" "$2" "$3" "$4" "$5" "$8" "$9" "$address"
    if [ "$status" = 200 ]; then whole=1; fi
}

# id scheme host port repository asked: every endpoint that the runtime would ask, in its order
image() {
    pull=$1 whole=
    name_of=$3
    [ "$4" = 443 ] || name_of=$3:$4
    [ "$3" != registry-1.docker.io ] || name_of=docker.io
    attempt=
    if endpoints "$2" "$3" "$4"; then
        list_endpoints
        json "$source"
        shown=$text
        settings=
        for each in "https_proxy=$proxy_https" "http_proxy=$proxy_http" "no_proxy=$proxy_no" "source=$proxy_source"; do
            json "${each#*=}"
            [ -z "$text" ] || settings="$settings${settings:+,}\"${each%%=*}\":\"$text\""
        done
        if [ -n "$proxy_unread" ]; then
            unread=
            for file in $proxy_unread; do
                json "$file"
                unread="$unread${unread:+,}\"$text\""
            done
            settings="$settings${settings:+,}\"state\":\"unknown\",\"unread\":[$unread]"
        fi
        emit runtime node '' "$configured" "$said" "$pull" "\"endpoints\":[$listed],\"source\":\"$shown\",\"problems\":[],\"proxy\":{$settings}"
    fi
    needed=resolve
    case $6 in *:*) needed=pull ;; esac
    every=$ends
    while IFS='|' read -r e_role e_scheme e_host e_port e_prefix e_skip e_ca e_can <&4; do
        [ -n "$e_role" ] || continue
        through_proxy "$e_scheme" "$e_host" "$e_port"
        case " $e_can " in *" $needed "*) ;; *) continue ;; esac
        try "$e_role" "$e_scheme" "$e_host" "$e_port" "$e_prefix" "$e_skip" "$e_ca" "$5" "$6"
    done 4<<END
$every
END
}

# ---- all of it ------------------------------------------------------------------------------------------------------

if [ -n "$lock" ] && ! (set -C && : >"$lock") 2>/dev/null && [ -e "$lock" ]; then
    exit 4
fi
machine=$(uname -m 2>/dev/null)
case $machine in x86_64) machine=amd64 ;; aarch64) machine=arm64 ;; armv7l) machine=arm ;; esac
json "$found"
frame "{\"kind\":\"hello\",\"shell\":\"$http\",\"tools\":\"$text\",\"resolver\":\"$resolver\",\"trust\":\"$trust\"}"
proxies
greeted=' '

# the images of one host, one after the other. -> 1 where time runs out
host_of_pulls() {
    wanted=$1
    shift
    while [ $# -ge 6 ]; do
        if [ "$3:$4" = "$wanted" ]; then
            ! over || return 1
            image "$1" "$2" "$3" "$4" "$5" "$6"
        fi
        shift 6
    done
}

# hosts side by side, four at a time: a silent one costs some seconds
complete=true hosts=' ' waiting='' count=0
finish() {
    for child_of in $waiting; do
        wait "$child_of" || complete=false
    done
    waiting='' count=0
}
set -f
for_all() {
    number=$#
    while [ "$number" -ge 6 ]; do
        case $hosts in *" $3:$4 "*) ;; *)
            hosts="$hosts$3:$4 "
            host_of_pulls "$3:$4" "$@" &
            waiting="$waiting $!"
            count=$((count + 1))
            [ $count -lt 4 ] || finish
            ;;
        esac
        shift 6
        number=$#
    done
    finish
}
for_all "$@"
frame "{\"kind\":\"end\",\"complete\":$complete}"
[ $complete = true ] || exit 3
exit 0
