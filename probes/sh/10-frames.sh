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

# hop role host outcome summary pull data: one observation. data: ready-made JSON members
emit() {
    [ -z "$quiet" ] || return 0
    json "$5"
    summary=$text
    json "$attempt"
    tried=$text
    json "$3"
    frame "{\"kind\":\"seen\",\"hop\":\"$1\",\"role\":\"$2\",\"host\":\"$text\",\"outcome\":\"$4\",\"summary\":\"$summary\",\"pull\":\"$6\",\"attempt\":\"$tried\",\"data\":{$7},\"ms\":0,\"at\":$(clock)}"
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

