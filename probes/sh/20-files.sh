# ---- the node's files -----------------------------------------------------------------------------------------------

# path of the host -> 0 where something can be said of it: IMAGEPULL_SHOWN has what is mounted, with colons between
shown() {
    [ -n "$IMAGEPULL_SHOWN" ] || return 0
    case ":$IMAGEPULL_SHOWN:" in *":$1:"*) return 0 ;; esac
    inside=$1
    while [ -n "${inside#/}" ]; do
        inside=${inside%/*}
        case ":$IMAGEPULL_SHOWN:" in *":$inside:"*) return 0 ;; esac
    done
    return 1
}

# systemd-resolved's stub listens on the host's network alone
stub_is_elsewhere() {
    while read -r word value _; do
        if [ "$word" = nameserver ] && [ "$value" != 127.0.0.53 ]; then return 1; fi
    done <"$root/etc/resolv.conf"
    while read -r _ address _; do
        if [ "$address" = 3500007F:0035 ]; then return 1; fi
    done 2>/dev/null </proc/net/udp
    while read -r word value _; do
        if [ "$word" = nameserver ]; then return 0; fi
    done <"$root/etc/resolv.conf"
    return 1
}

resolv=/etc/resolv.conf resolver=kubelet
if [ -r "$root/etc/resolv.conf" ] && ! stub_is_elsewhere; then
    resolv=$root/etc/resolv.conf resolver=host
fi
servers=
while read -r word value _; do
    [ "$word" = nameserver ] && servers="$servers $value"
done 2>/dev/null <"$resolv"

bundle=
for file in ssl/certs/ca-certificates.crt pki/tls/certs/ca-bundle.crt ssl/ca-bundle.pem pki/tls/cacert.pem \
    pki/ca-trust/extracted/pem/tls-ca-bundle.pem ssl/cert.pem; do
    if [ -z "$bundle" ] && [ -r "$root/etc/$file" ]; then
        bundle=$root/etc/$file
    fi
done
if [ -n "$bundle" ]; then
    SSL_CERT_FILE=$bundle CURL_CA_BUNDLE=$bundle
    export SSL_CERT_FILE CURL_CA_BUNDLE
fi

