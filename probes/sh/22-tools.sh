# ---- what there is --------------------------------------------------------------------------------------------------

http=none trust=none
if has curl; then
    http=curl
elif has wget; then
    case $(wget --version 2>&1) in *'GNU Wget'*) http=gnu ;; *) http=busybox ;; esac
fi
case $http in curl | gnu) if [ -n "$bundle" ]; then trust=host; else trust=image; fi ;; esac
if [ $trust = none ] && has openssl; then
    if [ -n "$bundle" ]; then trust=host; else trust=image; fi
fi
has nslookup || resolver=kubelet
found=
for tool in curl wget openssl nc nslookup getent; do
    has $tool && found="$found $tool"
done

