# shellcheck shell=bash
# Keys, certificates and secrets. The operator's lie in keys/ and secrets/ and are his alone;
# what a host needs is copied into the host's own folder and belongs to the server user.

make_keys() {
    mkdir -p "$dir/keys" "$dir/secrets" "$dir/home"
    chmod 700 "$dir/secrets"
    own "$dir/home"
    local host
    ssh_key "$dir/keys/operator" operator
    for host in "${ssh_hosts[@]}"; do
        mkdir -p "$dir/$host/ssh"
        ssh_key "$dir/$host/ssh/host_key" "$host"
        cp "$dir/keys/operator.pub" "$dir/$host/ssh/authorized_keys"
        printf '[%s]:%s %s\n' "$(address_of "$host")" "$ssh_port" \
            "$(cut -d' ' -f1,2 "$dir/$host/ssh/host_key.pub")" >>"$dir/keys/known_hosts"
    done
    make_certificates
    secret orders
    secret shop
    secret replicator
    secret wiki
    secret wiki-replicator
    secret pdns
    install -m 600 /dev/null "$dir/secrets/tsig.key"
    printf 'key "switchback." {\n\talgorithm hmac-sha256;\n\tsecret "%s";\n};\n' \
        "$(openssl rand -base64 32)" >"$dir/secrets/tsig.key"
}

ssh_key() { ssh-keygen -q -t ed25519 -N '' -C "$2@switchback-lab-$number" -f "$1"; }

secret() {
    install -m 600 /dev/null "$dir/secrets/$1"
    openssl rand -hex 16 >"$dir/secrets/$1"
}

# One authority for the lab, and a certificate with the address in it for each database host.
make_certificates() {
    local keys=$dir/keys host
    ec_key "$keys/ca.key"
    openssl req -x509 -new -key "$keys/ca.key" -sha256 -days 3650 -subj "/CN=switchback-lab-$number" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -out "$keys/ca.pem" 2>/dev/null || fail "the lab's certificate authority could not be made"
    for host in "${db_hosts[@]}"; do
        mkdir -p "$dir/$host/tls"
        ec_key "$dir/$host/tls/server.key"
        openssl req -new -key "$dir/$host/tls/server.key" -subj "/CN=$host" -out "$keys/$host.csr" 2>/dev/null
        openssl x509 -req -in "$keys/$host.csr" -CA "$keys/ca.pem" -CAkey "$keys/ca.key" -CAcreateserial -sha256 \
            -days 3650 -out "$dir/$host/tls/server.crt" -extfile <(
                printf 'subjectAltName=IP:%s,DNS:%s\n' "$(address_of "$host")" "$host"
                printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n'
            ) 2>/dev/null || fail "the certificate of $host could not be made"
        cp "$keys/ca.pem" "$dir/$host/tls/ca.pem"
        rm -f "$keys/$host.csr"
    done
}

ec_key() {
    install -m 600 /dev/null "$1"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}
