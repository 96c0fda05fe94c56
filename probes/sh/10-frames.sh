# ---- frames ---------------------------------------------------------------------------------------------------------

# text -> the inside of a JSON string: printable ASCII, at most 300 characters
json() {
    case $1 in *[!\ -~]* | *[\"\\]*) ;; *)
        if [ ${#1} -le 300 ]; then
            text=$1
            return
        fi
        ;;
    esac
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

# what was said of hosts, to be said again for the next image that meets them: a line each of key, beginning and end of a frame
recorded='' record=''
# key: say for $pull what was said of a host, once an image
replay() {
    case $replayed in *" $1@$pull/$attempt "*) return ;; esac
    replayed="$replayed$1@$pull/$attempt "
    while IFS="$tab" read -r of_key front back <&5; do
        [ "$of_key" != "$1" ] || frame "$front$pull$back"
    done 5<<END
$recorded
END
}
replayed=' '
# key: what is said from now on is said of this host, for $pull
recording() { record=$1 replayed="$replayed$1@$pull/$attempt "; }

# hop role host outcome summary pull data: one observation. data: ready-made JSON members; without a pull it is about a host, met
# for $pull
emit() {
    [ -z "$quiet" ] || return 0
    json "$5"
    summary=$text
    json "$attempt"
    tried=$text
    json "$3"
    front="{\"kind\":\"seen\",\"hop\":\"$1\",\"role\":\"$2\",\"host\":\"$text\",\"outcome\":\"$4\",\"summary\":\"$summary\",\"pull\":\""
    back="\",\"attempt\":\"$tried\",\"data\":{$7},\"ms\":0,\"at\":$(clock)}"
    if [ -z "$6" ] && [ -n "$record" ]; then recorded="$recorded$record$tab$front$tab$back$nl"; fi
    frame "$front${6:-$pull}$back"
}

began=$(clock)
over() {
    now=$(clock)
    [ $((now - began)) -ge "$budget" ]
}

timed=
if timeout 1 true 2>/dev/null; then timed=1; fi
# seconds command...: ends it after that time, with or without a tool for it. -> its exit code, 124 or 143 when ended
bounded() {
    seconds=$1
    shift
    if [ -n "$timed" ] && [ -n "${functions##* "$1" *}" ]; then
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

# number: at most so many bytes of what comes in; whoever sends more is cut off
first() {
    if has head; then
        head -c "$1"
    elif has dd; then
        dd bs=512 count=$(($1 / 512)) 2>/dev/null
    else
        cat
    fi
}

# a shell's patterns take time that grows with the square of a text's length
most=32768 most_blob=196608 most_header=16384 most_challenge=4096
# what stands at the end of $reply of the tool's exit code -> $result; 0 where we have cut it off
ended() {
    result=0
    mark="$nonce ended "
    case $reply in *"$mark"*)
        result=${reply##*"$mark"}
        reply=${reply%"$mark$result"}
        result=${result%%.*}
        ;;
    esac
}

