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

