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

