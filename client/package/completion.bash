# bash completion for cunzheng and cunzhengd. Both describe themselves: what can follow is read from their own
# --help, so that this file needs no change when a command does.
_cunzheng() {
  local current=${COMP_WORDS[COMP_CWORD]} word help
  local -a command=("${COMP_WORDS[0]}")
  help=$("${command[@]}" --help 2>/dev/null) || return
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if _cunzheng_subcommands "$help" | grep -qx -- "$word"; then
      command+=("$word")
      help=$("${command[@]}" --help 2>/dev/null) || return
    fi
  done
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(grep -oE '^  (-[a-z],)?--[a-z0-9-]+' <<<"$help" | grep -oE -- '--.*')" -- "$current")
  else
    # Nothing found here leaves it to bash, which offers files.
    mapfile -t COMPREPLY < <(compgen -W "$(_cunzheng_subcommands "$help")" -- "$current")
  fi
}
_cunzheng_subcommands() { sed -n '/^Subcommands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' <<<"$1"; }
complete -o default -F _cunzheng cunzheng cunzhengd
