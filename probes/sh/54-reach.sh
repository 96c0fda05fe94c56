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
        replay "$key"
        at='' ending='' code='' label=$2
        [ "$3" = 443 ] || label=$2:$3
        return 1
        ;;
    *" $key "*)
        replay "$key"
        quiet=1
        ;;
    *) recording "$key" ;;
    esac
    if reach "$@"; then reached=0; else reached=1; fi
    if [ -z "$quiet" ]; then
        if [ $reached = 0 ]; then known="$known$key "; else known="$known$key- "; fi
    fi
    quiet='' record=
    return $reached
}
known=' '

