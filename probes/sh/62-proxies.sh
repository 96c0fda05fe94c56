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
    case $known in
    *" $key "*)
        replay "$key"
        quiet=1
        ;;
    *)
        known="$known$key "
        recording "$key"
        ;;
    esac
    resolve "$proxy_host"
    emit dns proxy "$label" "${outcome:-unresolved}" "$said" "" "\"servers\":[$tries],\"resolver\":\"$resolver\""
    quiet='' record=
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

