# shellcheck shell=bash
# A web host: nginx in front of the shop, which reads and writes the database of its own site.

make_web() {
    local host=$1 folder=$dir/$1 address
    address=$(address_of "$host")
    mkdir -p "$folder/nginx" "$folder/bin" "$folder/home"
    install -m 755 "$dir/bin/lab-shop" "$folder/bin/lab-shop"
    install -m 600 "$dir/secrets/shop" "$folder/home/shop-password"
    cat >"$folder/nginx/nginx.conf" <<CONFIG
daemon off;
worker_processes 1;
pid $folder/nginx/pid;
events { worker_connections 256; }
http {
    access_log $folder/nginx/access.log;
    client_body_temp_path $folder/nginx/body;
    proxy_temp_path $folder/nginx/proxy;
    fastcgi_temp_path $folder/nginx/fastcgi;
    uwsgi_temp_path $folder/nginx/uwsgi;
    scgi_temp_path $folder/nginx/scgi;
    server {
        listen $address:$http_port;
        server_name $entry_name $address;
        location / {
            proxy_pass http://$address:$app_port;
            proxy_set_header Host \$host;
            proxy_connect_timeout 1s;
            proxy_read_timeout 5s;
        }
    }
}
CONFIG
}

start_web() {
    local host=$1 folder=$dir/$1 address
    address=$(address_of "$host")
    [[ -n $(pids_named "$host" lab-shop) ]] ||
        start "$host" shop.log "$folder/bin/lab-shop" --listen "$address:$app_port" --site "$(site_of "$host")" \
            --database "$(address_of "${host%-web}-db"):$pg_port" --password-file "$folder/home/shop-password"
    [[ -n $(pids_named "$host" nginx) ]] ||
        start "$host" nginx.log /usr/sbin/nginx -e "$folder/nginx.log" -c "$folder/nginx/nginx.conf"
}

web_answers() { answers "$(address_of "$1")" "$http_port" && answers "$(address_of "$1")" "$app_port"; }
