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

