# shellcheck shell=bash
# Two name servers: PowerDNS with its HTTP API for shop.test, BIND with signed updates for shop.internal.
# Nothing is cached, so that a change shows at once.

ttl=2

make_dns() {
    make_pdns
    make_bind
    own "$dir/dns"
}

make_pdns() {
    local folder=$dir/dns/pdns schema address
    address=$(address_of dns)
    mkdir -p "$folder"
    schema=$(pdns_schema)
    install -m 600 /dev/null "$folder/pdns.conf"
    cat >"$folder/pdns.conf" <<CONFIG
launch=gsqlite3
gsqlite3-database=$folder/zones.sqlite
local-address=$address
local-port=$pdns_port
api=yes
api-key=$(<"$dir/secrets/pdns")
webserver=yes
webserver-address=$address
webserver-port=$api_port
webserver-allow-from=127.0.0.0/8,$prefix.0.0/16
socket-dir=$folder
guardian=no
daemon=no
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
distributor-threads=1
receiver-threads=1
log-dns-queries=no
loglevel=5
security-poll-suffix=
version-string=anonymous
CONFIG
    sqlite3 "$folder/zones.sqlite" >/dev/null 2>"$dir/dns/sqlite.log" <<SQL || fail "PowerDNS's zones could not be made; see $dir/dns/sqlite.log"
PRAGMA journal_mode = wal;
.read $schema
INSERT INTO domains (id, name, type) VALUES (1, 'shop.test', 'NATIVE');
-- Without this a change through the API leaves the serial as it is.
INSERT INTO domainmetadata (domain_id, kind, content) VALUES (1, 'SOA-EDIT-API', 'DEFAULT');
INSERT INTO records (domain_id, name, type, ttl, content, disabled, ordername, auth) VALUES
    (1, 'shop.test', 'SOA', 60, 'ns.shop.test hostmaster.shop.test 2024010101 3600 600 86400 $ttl', 0, '', 1),
    (1, 'shop.test', 'NS', 60, 'ns.shop.test', 0, '', 1),
    (1, 'ns.shop.test', 'A', 60, '$address', 0, 'ns', 1),
    (1, '$entry_name', 'A', $ttl, '$(address_of a-web)', 0, '${entry_name%%.*}', 1);
SQL
}

pdns_schema() {
    local file
    for file in /usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql \
        /usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql; do
        [[ ! -f $file ]] || { printf '%s' "$file"; return; }
    done
    fail "pdns-backend-sqlite3 is installed without its schema"
}

make_bind() {
    local folder=$dir/dns/bind
    mkdir -p "$folder/zones"
    install -m 600 "$dir/secrets/tsig.key" "$folder/tsig.key"
    cat >"$folder/zones/shop.internal" <<ZONE
\$ORIGIN shop.internal.
\$TTL 60
@   IN SOA ns.shop.internal. hostmaster.shop.internal. 1 3600 600 86400 $ttl
@   IN NS  ns.shop.internal.
ns  IN A   $bind_address
${database_name%%.*} $ttl IN A $(address_of a-db)
${wiki_name%%.*} $ttl IN A $(address_of a-db)
ZONE
    cat >"$folder/named.conf" <<CONFIG
include "$folder/tsig.key";
options {
    directory "$folder";
    listen-on port $bind_port { $bind_address; };
    listen-on-v6 { none; };
    pid-file "$folder/named.pid";
    session-keyfile "$folder/session.key";
    managed-keys-directory "$folder";
    recursion no;
    dnssec-validation no;
    empty-zones-enable no;
    notify no;
};
controls { };
logging {
    channel file { file "$folder/named.log"; severity info; print-time yes; print-category yes; };
    category default { file; };
    category update { file; };
    category update-security { file; };
    category queries { null; };
};
zone "shop.internal" {
    type primary;
    file "zones/shop.internal";
    allow-update { key "switchback."; };
};
CONFIG
}

start_dns() {
    [[ -n $(pids_named dns pdns_server) ]] || start dns pdns.log /usr/sbin/pdns_server --config-dir="$dir/dns/pdns"
    [[ -n $(pids_named dns named) ]] || start dns bind.log /usr/sbin/named -f -n 1 -c "$dir/dns/bind/named.conf"
}

asked() { # asked NAME: the address that the name's own server gives now
    local server=$bind_address port=$bind_port
    [[ $1 != *.test ]] || { server=$(address_of dns); port=$pdns_port; }
    dig +short +norecurse +tries=1 +timeout=1 -p "$port" "@$server" "$1" A 2>/dev/null | grep -E '^[0-9.]+$'
}

dns_answers() { asked "$entry_name" >/dev/null && asked "$database_name" >/dev/null && answers "$(address_of dns)" "$api_port"; }
