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

