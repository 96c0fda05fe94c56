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

