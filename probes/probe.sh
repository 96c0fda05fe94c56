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
accept='application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json'

# the image's PATH may lack the host's folders
PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin${PATH:+:$PATH}
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
if has busybox; then
    has date || date() { busybox date "$@"; }
    has timeout || timeout() { busybox timeout "$@"; }
    for tool in nslookup wget nc; do
        if ! command -v $tool >/dev/null 2>&1 && busybox $tool --help >/dev/null 2>&1; then
            eval "$tool() { busybox $tool \"\$@\"; }"
        fi
    done
fi

# ---- frames ---------------------------------------------------------------------------------------------------------

# text -> the inside of a JSON string: printable ASCII, at most 300 characters
json() {
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
    json "$5"
    summary=$text
    json "$3"
    frame "{\"kind\":\"seen\",\"hop\":\"$1\",\"role\":\"$2\",\"host\":\"$text\",\"outcome\":\"$4\",\"summary\":\"$summary\",\"pull\":\"$6\",\"data\":{$7},\"ms\":0,\"at\":$(clock)}"
}

began=$(clock)
over() {
    now=$(clock)
    [ $((now - began)) -ge "$budget" ]
}

# seconds command...: ends it after that time, with or without a tool for it. -> its exit code, 124 or 143 when ended
bounded() {
    seconds=$1
    shift
    if [ "$(type timeout 2>/dev/null)" ] && timeout 1 true 2>/dev/null && ! is_function "$1"; then
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

is_function() { case $(type "$1" 2>/dev/null) in *function*) return 0 ;; esac; return 1; }

# ---- the node's files -----------------------------------------------------------------------------------------------

resolv=/etc/resolv.conf resolver=kubelet
if [ -r "$root/etc/resolv.conf" ]; then
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
            tries="$tries${tries:+,}{\"server\":\"$server\",\"name\":\"$1.\",\"outcome\":\"$answer\"}"
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
request() {
    ending='' at=http code='' reply=''
    case $http in
    curl) with_curl "$@" ;;
    gnu | busybox) with_wget "$@" ;;
    esac
}

with_curl() {
    how='-X GET'
    [ "$1" = HEAD ] && how='-I'
    case $5 in *:*) to="[$5]" ;; *) to=$5 ;; esac
    # shellcheck disable=SC2086
    reply=$(bounded 12 curl -sSi $how --max-time 10 --connect-timeout 4 --max-filesize 1000000 --noproxy '*' \
        --resolve "$3:$4:$to" -H "Accept: $accept" ${6:+-H "$6"} -w '%{stderr}took %{time_connect} %{time_appconnect} ' "$2" 2>&1)
    result=$?
    reply=$(limit "$reply")
    case $result in
    0 | 63) ;;
    7)
        at=connect
        # newer versions say why only when they talk
        reply=$(bounded 12 curl -sv -o /dev/null --max-time 10 --connect-timeout 4 --noproxy '*' \
            --resolve "$3:$4:$to" "$2" 2>&1)
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
    52) ending=closed ;;
    56 | 55) ending=reset ;;
    *) ending=garbage ;;
    esac
    [ -n "$ending" ] || judge
}

with_wget() {
    if [ $http = gnu ]; then
        spider=
        [ "$1" = HEAD ] && spider=--spider
        # shellcheck disable=SC2086
        reply=$(bounded 12 wget -S $spider -O - --tries=1 --timeout=5 --no-proxy --header "Accept: $accept" ${6:+--header "$6"} "$2" 2>&1)
    else
        reply=$(bounded 6 wget -S -O - -Y off --header "Accept: $accept" "$2" 2>&1)
    fi
    result=$?
    reply=$(limit "$reply")
    if { [ $result = 124 ] || [ $result = 143 ]; } && [ -z "${reply##*Connecting to*}" ]; then
        at=connect ending=no-answer
        return
    fi
    judge
}

limit() { printf %.20000s "$1"; }

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
    *'o route to host'* | *'unreachable'*) at=connect ending=no-route ;;
    *'wrong version number'* | *'packet length too long'* | *'record layer failure'*) at=tls ending=plain-http ;;
    *'has expired'*) at=tls ending=expired ;;
    *'not yet valid'* | *'not yet activated'*) at=tls ending=not-yet-valid ;;
    *"doesn't match"* | *'does not match'* | *'no alternative certificate'* | *'ostname mismatch'*) at=tls ending=hostname-mismatch ;;
    *'local issuer'* | *'self-signed'* | *'self signed'* | *'issuer'* | *'unable to get'*) at=tls ending=unknown-authority ;;
    *'onnection reset'*) [ $at = connect ] || at=tls; ending=reset ;;
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

# role host port scheme path: dns, connect and tls, each told once. -> 0 where HTTP was answered: $code, $reply, $address
reach() {
    label=$2
    [ "$3" = 443 ] || label=$2:$3
    resolve "$2"
    [ -n "$outcome" ] || return 1
    emit dns "$1" "$label" "$outcome" "$said" "" "\"servers\":[$tries],\"resolver\":\"$resolver\""
    address=
    for each in $addresses; do
        case $each in *:*) [ -n "$address" ] || address=$each ;; *) address=$each; break ;; esac
    done
    [ -n "$address" ] || return 1
    if [ "$1" != registry ]; then
        case $address in
        127.* | 169.254.* | 0.* | ::1 | fe80:* | FE80:*)
            emit connect "$1" "$label" not-asked "$label is $address, this machine's own or a link-local address: not asked" ""
            return 1
            ;;
        esac
    fi
    port=$3
    if [ $http = none ]; then
        with_nc "$1"
        return 1
    fi
    request GET "$4://$label$5" "$2" "$3" "$address" ''
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
    [ "$ending" = http ]
}

with_nc() {
    if has nc; then
        reply=$(bounded 5 nc -z -w 4 "$address" "$port" 2>&1)
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
    if [ "$at" = tls ]; then
        last_words "$reply"
        emit tls "$1" "$label" "$ending" "$words" "" "\"trust\":\"${bundle#"$root"}\""
        return 1
    fi
    if [ $http = busybox ]; then
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
        emit tls "$1" "$label" ok "certificate accepted" "" "\"trust\":\"${bundle#"$root"}\""
    fi
}

# ---- one image ------------------------------------------------------------------------------------------------------

# header lines in $reply -> the value of one, lower-case name, in $value
header() {
    value=
    oldifs=$IFS
    IFS=$nl
    for line in $reply; do
        case $line in
        *[Ww][Ww][Ww]-[Aa]uthenticate:*) [ "$1" = www-authenticate ] && [ -z "$value" ] && value=${line#*: } ;;
        '{'*) break ;;
        esac
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
        emit auth registry "$registry" bad-realm "the realm is no https address" "$pull"
        return
        ;;
    esac
    case $1 in *[!A-Za-z0-9._~:/?\&=%+-]*)
        emit auth registry "$registry" bad-realm "the realm is no plain address" "$pull"
        return
        ;;
    esac
    authority=${part%%/*}
    case $part in */*) path=/${part#*/} ;; *) path=/ ;; esac
    realm_host=${authority%%:*} realm_port=443
    case $authority in *:*) realm_port=${authority##*:} ;; esac
    case $path in *\?*) joint='&' ;; *) joint='?' ;; esac
    escape "$2"
    query="${joint}service=$value&scope=repository%3A$3%3Apull"
    if ! reach token "$realm_host" "$realm_port" https "$path$query"; then
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
        emit auth token "$label" token "token granted anonymously" "$pull" "\"via\":\"anonymous\""
    elif [ "$code" = 200 ]; then
        token=
        emit auth token "$label" no-token "no token in the answer" "$pull" "\"via\":\"anonymous\""
    else
        token=
        emit auth token "$label" "$code" "no token anonymously: HTTP $code" "$pull" "\"via\":\"anonymous\",\"token_status\":$code"
    fi
}

parameter() {
    value=
    case $1 in *"$2=\""*) value=${1#*"$2"=\"} value=${value%%\"*} ;; esac
}

# host port scheme repository asked address: the manifest, anonymously
manifest() {
    registry=$label greeting_address=$6
    url=$3://$registry/v2/$4/manifests/$5
    request HEAD "$url" "$1" "$2" "$6" ''
    bearer=
    if [ "$code" = 401 ]; then
        header www-authenticate
        case $value in
        [Bb]earer*)
            challenge=$value
            parameter "$challenge" realm
            realm=$value
            parameter "$challenge" service
            fetch_token "$realm" "$value" "$4"
            [ -n "$token" ] || return
            bearer="Authorization: Bearer $token"
            request HEAD "$url" "$1" "$2" "$greeting_address" "$bearer"
            ;;
        [Bb]asic*)
            emit auth registry "$registry" basic "credentials asked for (basic)" "$pull" "\"status\":401"
            return
            ;;
        *)
            # busybox wget shows no header of a 401
            emit manifest registry "$registry" 401 "HTTP 401; this tool does not show what is asked for" "$pull" "\"via\":\"anonymous\",\"status\":401"
            return
            ;;
        esac
    elif [ -n "$code" ]; then
        emit auth registry "$registry" not-needed "no credentials asked for" "$pull"
    fi
    if [ "$code" = 404 ] || [ "$code" = 403 ] || [ "$code" = 401 ]; then
        request GET "$url" "$1" "$2" "$greeting_address" "$bearer"
    fi
    errors=
    for word in NAME_UNKNOWN MANIFEST_UNKNOWN DENIED UNAUTHORIZED TOOMANYREQUESTS; do
        case $reply in *"\"code\":\"$word\""* | *"\"code\": \"$word\""*) errors="{\"code\":\"$word\"}" ;; esac
    done
    data="\"via\":\"anonymous\",\"status\":${code:-0},\"errors\":[$errors]"
    if [ "$code" = 404 ]; then
        request GET "$3://$registry/v2/$4/tags/list" "$1" "$2" "$greeting_address" "$bearer"
        data="$data,\"tags_status\":${code:-0}"
        code=404
    fi
    case $5 in *:*) name=$4@$5 ;; *) name=$4:$5 ;; esac
    if [ "$code" = 200 ]; then said="$name is there"; else said="$name: HTTP ${code:-none} ($ending)"; fi
    emit manifest registry "$registry" "${code:-$ending}" "$said" "$pull" "$data"
}

# ---- all of it ------------------------------------------------------------------------------------------------------

if [ -n "$lock" ] && ! (set -C && : >"$lock") 2>/dev/null && [ -e "$lock" ]; then
    exit 4
fi
json "$found"
frame "{\"kind\":\"hello\",\"shell\":\"$http\",\"tools\":\"$text\",\"resolver\":\"$resolver\",\"trust\":\"$trust\"}"
complete=true
greeted=' '
while [ $# -ge 6 ]; do
    pull=$1 scheme=$2 host=$3 port=$4 repository=$5 asked=$6
    shift 6
    if over; then
        complete=false
        break
    fi
    case $greeted in
    *" $host:$port=- "*) continue ;;
    *" $host:$port="*)
        address=${greeted#*" $host:$port="}
        address=${address%% *}
        label=$host
        [ "$port" = 443 ] || label=$host:$port
        ;;
    *)
        if ! reach registry "$host" "$port" "$scheme" /v2/; then
            greeted="$greeted$host:$port=- "
            if [ "$at" = http ] && [ -n "$ending" ]; then
                emit registry registry "$label" "$ending" "no answer to GET /v2/ ($ending)" ""
            fi
            continue
        fi
        greeted="$greeted$host:$port=$address "
        api=
        case $reply in *[Dd]istribution-[Aa][Pp][Ii]-[Vv]ersion*) api=registry/2.0 ;; esac
        kind=
        case $reply in *[Cc]ontent-[Tt]ype:\ text/html*) kind=text/html ;; esac
        emit registry registry "$label" "$code" "HTTP $code" "" "\"status\":$code,\"api_version\":\"$api\",\"content_type\":\"$kind\",\"errors\":[]"
        ;;
    esac
    manifest "$host" "$port" "$scheme" "$repository" "$asked" "$address"
done
frame "{\"kind\":\"end\",\"complete\":$complete}"
[ $complete = true ] || exit 3
exit 0
