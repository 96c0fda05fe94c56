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
        replay "$key"
        [ -z "$attempt" ] || emit manifest "$1" "$label" not-reached "$label cannot be spoken to" "$pull" ""
        return
        ;;
    *" $key="*)
        replay "$key"
        address=${greeted#*" $key="}
        address=${address%% *}
        inside=${address##*|} address=${address%|*}
        cacert=${address#*|} address=${address%%|*}
        ;;
    *)
        recording "$key"
        if ! reach "$1" "$3" "$4" "$2" "$5/"; then
            greeted="$greeted$key=- "
            if [ "$at" = http ] && [ -n "$ending" ] && [ -n "$address" ]; then
                emit registry "$1" "$label" "$ending" "no answer to GET /v2/ ($ending)" ""
            elif [ -n "$attempt" ]; then
                emit manifest "$1" "$label" not-reached "$label cannot be spoken to" "$pull" ""
            fi
            record=
            return
        fi
        greeted="$greeted$key=$address|$cacert|$inside "
        api=
        case $reply in *[Dd]istribution-[Aa][Pp][Ii]-[Vv]ersion*) api=registry/2.0 ;; esac
        kind=
        case $reply in *[Cc]ontent-[Tt]ype:\ text/html*) kind=text/html ;; esac
        emit registry "$1" "$label" "$code" "HTTP $code" "" "\"status\":$code,\"api_version\":\"$api\",\"content_type\":\"$kind\",\"errors\":[]"
        record=
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

