#!/bin/sh
# For docker-compose.yml, service temporal-namespace (image admin-tools). Why a script: the namespace must be
# created once and updated afterwards, and the search attributes come one command each: given several --name,
# `search-attribute create` of CLI 1.9.1 says they were added and adds the first alone.
# TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, RETENTION (like 30d), KEYWORD_SEARCH_ATTRIBUTES (names, by spaces).
set -eu
: "${TEMPORAL_NAMESPACE:?}" "${RETENTION:?}" "${KEYWORD_SEARCH_ATTRIBUTES:?}"

patiently() { # command...: a new server and a new namespace take some seconds to be known everywhere
    left=30
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || { echo "gave up: $*" >&2; exit 1; }
        sleep 2
    done
}

registered() { # attribute
    temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" | grep -Eq "^ *$1 +Keyword *\$"
}

patiently temporal operator cluster health
if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
else
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
fi
for name in $KEYWORD_SEARCH_ATTRIBUTES; do
    patiently temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword
done
for name in $KEYWORD_SEARCH_ATTRIBUTES; do
    patiently registered "$name"
done
echo "Namespace $TEMPORAL_NAMESPACE: retention $RETENTION, search attributes $KEYWORD_SEARCH_ATTRIBUTES."
