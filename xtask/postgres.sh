# A PostgreSQL server for one run of the tests, in a temporary folder. Sourced by test.sh.
# start_postgres sets MARGAY_TEST_POSTGRES_URL; where PostgreSQL is not installed it does nothing, and the tests decide.

postgres_folder=''

# Runs a program of PostgreSQL, which refuses to run as root.
postgres_run() {
  local program=$1
  shift
  if [ "$(id -u)" = 0 ]; then
    (cd "$postgres_folder" && runuser -u postgres -- "$postgres_programs/$program" "$@")
  else
    "$postgres_programs/$program" "$@"
  fi
}

start_postgres() {
  postgres_programs=$(dirname "$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1)")
  [ -x "$postgres_programs/initdb" ] || return 0
  postgres_folder=$(mktemp -d)
  trap stop_postgres EXIT
  if [ "$(id -u)" = 0 ]; then chown postgres "$postgres_folder"; fi
  postgres_run initdb -D "$postgres_folder/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >/dev/null
  # Of the ports that somebody else may take meanwhile.
  local port attempt
  for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    if postgres_run pg_ctl -D "$postgres_folder/data" -l "$postgres_folder/log" -w -o "-c listen_addresses=127.0.0.1 \
      -c port=$port -c unix_socket_directories= -c max_connections=500 -c fsync=off -c full_page_writes=off" \
      start >/dev/null; then
      export MARGAY_TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port"
      return 0
    fi
  done
  cat "$postgres_folder/log"
  return 1
}

stop_postgres() {
  [ -n "$postgres_folder" ] || return 0
  postgres_run pg_ctl -D "$postgres_folder/data" -w -m immediate stop >/dev/null || true
  rm -rf "$postgres_folder"
  postgres_folder=''
  unset MARGAY_TEST_POSTGRES_URL
}
