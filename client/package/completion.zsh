#compdef cunzheng cunzhengd
# zsh completion. Both programs describe themselves: what can follow is read from their own --help, so that this
# file needs no change when a command does.
_cunzheng_help() {
  local -a command=("$1")
  local help word
  help=$("${command[@]}" --help 2>/dev/null) || return
  for word in "${@:2}"; do
    if print -r -- "$help" | _cunzheng_entries Subcommands | grep -q -- "^$word:"; then
      command+=("$word")
      help=$("${command[@]}" --help 2>/dev/null) || return
    fi
  done
  print -r -- "$help"
}
# Lines "name:description" out of a section of the help.
_cunzheng_entries() {
  sed -nE "/^$1:/,/^\$/{s/^  (-[a-z],)?(-{0,2}[a-z][a-z0-9-]*)([^ ]| [^ ])*/\\2:/;t entry;d;:entry;s/: +/:/;p}"
}
_cunzheng() {
  local help=$(_cunzheng_help "${(Q)words[1]}" "${(@)words[2,CURRENT-1]}")
  local -a entries
  if [[ $words[CURRENT] == -* ]]; then
    entries=("${(@f)$(print -r -- "$help" | _cunzheng_entries Options)}")
    _describe -o option entries
    return
  fi
  entries=("${(@f)$(print -r -- "$help" | _cunzheng_entries Subcommands)}")
  if [[ -n "$entries[1]" ]]; then
    _describe command entries
  else
    _files
  fi
}
_cunzheng "$@"
