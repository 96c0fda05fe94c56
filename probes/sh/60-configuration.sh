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

