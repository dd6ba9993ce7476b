# Sourced by tests of installed programs, whose `cunzhengd` and `cunzheng` are first on PATH:
#   with_node DIR COMMAND…
# runs COMMAND in DIR while a node of a new ledger serves, with node, key and passphrase of an account in the
# environment, and stops the node again. Leaves trust.json in DIR. Call it in a subshell.
with_node() {
  local dir=$1 node
  shift
  cd "$dir" || return
  export CUNZHENG_PASSPHRASE="only for this test" CUNZHENG_KEY=$dir/account.key HOME=$dir
  unset XDG_CONFIG_HOME XDG_STATE_HOME
  cunzhengd init --data node --origin package.test/ledger --listen 127.0.0.1:0
  cunzheng keygen --out "$CUNZHENG_KEY"
  cunzhengd account add --data node --account-key "$CUNZHENG_KEY.pub" --name "Package test"
  cunzhengd run --data node 2>node.log &
  node=$!
  # shellcheck disable=SC2064  # the process that runs now
  trap "kill -KILL $node 2>/dev/null || true" EXIT
  for _ in $(seq 300); do
    [ ! -s node/listen ] || break
    kill -0 $node 2>/dev/null || { cat node.log >&2; return 1; }
    sleep 0.1
  done
  CUNZHENG_NODE=http://$(cat node/listen)
  export CUNZHENG_NODE
  "$@"
  kill -TERM $node
  wait $node
  trap - EXIT
  cp node/trust.json trust.json
}
