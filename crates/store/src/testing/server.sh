# One PostgreSQL server for as long as standard input stays open.
# Arguments: programs, folder for temporary files, address, port, settings ('durable' or 'fast'), and for TLS
# a certificate and its key.
# Words on standard input: 'crash', 'start'. Lines on standard output: the folder, then 'ready' or 'failed'.
programs=$1 base=$2 address=$3 port=$4 settings=$5 certificate=$6 key=$7
dir=$(mktemp -d "$base/portcullis-pg-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
# Also if nobody listens any more (PIPE), it goes on to the end and tidies up.
trap '' INT HUP TERM PIPE
echo "$dir"

start() {
    tries=0
    until "$programs/pg_ctl" start --silent --wait --pgdata "$dir/data" --log "$dir/log" >>"$dir/out" 2>&1; do
        # After a crash, the processes of the old server take a moment to go.
        tries=$((tries + 1))
        if [ $tries -ge 50 ]; then
            cat "$dir/out" "$dir/log" >&2
            echo failed
            return
        fi
        sleep 0.1
    done
    echo ready
}

if ! "$programs/initdb" --pgdata "$dir/data" --username postgres --auth trust --encoding UTF8 --no-sync \
    --locale C.UTF-8 --locale-provider icu --icu-locale en-US >"$dir/out" 2>&1; then
    cat "$dir/out" >&2
    echo failed
    exit 1
fi
{
    echo "listen_addresses = '$address'"
    echo "port = $port"
    echo "unix_socket_directories = '$dir'"
    echo "max_connections = 500"
    if [ "$settings" = fast ]; then
        echo "fsync = off"
        echo "full_page_writes = off"
    fi
} >>"$dir/data/postgresql.conf"
if [ -n "$certificate" ]; then
    cp "$certificate" "$dir/data/server.crt" && cp "$key" "$dir/data/server.key" && chmod 600 "$dir/data/server.key"
    echo "ssl = on" >>"$dir/data/postgresql.conf"
    printf '%s\n' 'local all all trust' 'hostssl all all 127.0.0.1/32 scram-sha-256' >"$dir/data/pg_hba.conf"
fi
start
while read -r word; do
    case $word in
    crash)
        postmaster=$(head -n 1 "$dir/data/postmaster.pid")
        kill -9 "$postmaster" $(cat "/proc/$postmaster/task/$postmaster/children" 2>/dev/null)
        echo crashed
        ;;
    start) start ;;
    esac
done
"$programs/pg_ctl" stop --silent --mode immediate --pgdata "$dir/data" >/dev/null 2>&1
