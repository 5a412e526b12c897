#!/bin/sh
# A node of a mesh that sets itself up, as docker-compose.yml has it. The founder makes the mesh and
# leaves an invite on the volume that all share; the others join with it. Each may be stopped,
# killed or made anew at any time, in any order: what is done already is not done again.
#
#   MESH_ROLE    founder | joiner
#   MESH_VOTERS  how many of the members vote (founder); auto without it
#   MESH_CONFIG  content of the configuration file: docs/config.md
#   MESH_WAIT_S  seconds between the invite and joining, for one that comes late (joiner)
set -eu

invite=/invite/invite
config=/tmp/cooee.json
number="${HOSTNAME##*[!0-9]}"
set -- --hostname "$HOSTNAME" --mac "$(printf '02:00:00:00:00:%02x' "${number:-1}")" "$@"

printf '%s\n' "${MESH_CONFIG:-{\}}" >"$config"

# The invite at every start, since it names the address that this node has now.
invite_others() {
  until [ -S "$COOEE_HOME/cooee.sock" ]; do sleep 0.1; done
  until cooee invite --uses 100 --ttl 30d >"$invite.new" 2>/tmp/setup.log; do sleep 0.5; done
  mv "$invite.new" "$invite"
  [ -e /invite/voters ] && return
  until cooee mesh set --voters "${MESH_VOTERS:-auto}" >/tmp/setup.log 2>&1; do sleep 0.5; done
  touch /invite/voters
}

if [ "${MESH_ROLE:-joiner}" = founder ]; then
  invite_others &
  exec cooee up --config "$config" "$@"
fi

if ! grep -q '"state": "member"' "$COOEE_HOME/mesh/mesh.json" 2>/dev/null; then
  until [ -s "$invite" ]; do sleep 0.2; done
  sleep "${MESH_WAIT_S:-0}"
  # Gives up when nobody answers, and is started again: the invite may name another address by then.
  exec cooee join "@$invite" --config "$config" "$@"
fi
exec cooee up --config "$config" "$@"
