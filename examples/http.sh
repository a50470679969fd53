#!/bin/sh
# Prices in and answers out over HTTP alone. Needs curl.
# Run: sh examples/http.sh. TICKWIRE_URL names another server than http://127.0.0.1:9001,
# TICKWIRE_TOKEN a token; the last call then needs an operator token.
set -eu
server=${TICKWIRE_URL:-http://127.0.0.1:9001}
symbol=SHELL-$$

# A token goes in by way of a file: what is on a command line every user of the machine can read.
call() {
  printf '%s' "${TICKWIRE_TOKEN:+authorization: Bearer $TICKWIRE_TOKEN}" | curl -fsS -H @- "$@"
}

post() {
  call -X POST "$server/api/prices" -H 'content-type: application/json' -d "$1"
  echo
}
get() {
  call "$server$1"
  echo
}

echo '# One price; a batch, of which one is bad and named'
post "{\"symbol\": \"$symbol\", \"price\": 100}"
post "[{\"symbol\": \"$symbol\", \"price\": 100}, {\"symbol\": \"$symbol\", \"price\": 103},
  {\"symbol\": \"$symbol\", \"price\": -1}]"

# 202 means taken in; statistics follow within milliseconds.
until call "$server/api/prices/$symbol" 2>/dev/null | grep -q '"updateCount":3'; do
  sleep 0.1
done

echo '# Its statistics'
get "/api/prices/$symbol"
echo '# All symbols that begin like it, one page'
get "/api/prices?prefix=$symbol&limit=10"
echo '# Its anomalies: up by 3 percent within one second'
get "/api/prices/$symbol/anomalies"
echo '# The newest anomaly of all'
get '/api/anomalies?limit=1'
echo '# What the server did so far'
get '/api/statistics'
