# fish completion for cunzheng and cunzhengd. Both describe themselves: what can follow is read from their own
# --help, so that this file needs no change when a command does.
function __cunzheng_entries --argument-names section
    set -l words (commandline -opc)
    set -l command $words[1]
    set -l help ($command --help 2>/dev/null)
    for word in $words[2..]
        if string match -qr "^$word\t" -- (__cunzheng_section Subcommands $help)
            set -a command $word
            set help ($command --help 2>/dev/null)
        end
    end
    __cunzheng_section $section $help
end
# Lines "name<tab>description" out of a section of the help.
function __cunzheng_section
    printf '%s\n' $argv[2..] |
        sed -nE "/^$argv[1]:/,/^\$/{s/^  (-[a-z],)?(-{0,2}[a-z][a-z0-9-]*)([^ ]| [^ ])*/\2\t/;t entry;d;:entry;s/\t +/\t/;p}"
end
for program in cunzheng cunzhengd
    complete -c $program -n 'count (__cunzheng_entries Subcommands) >/dev/null' -f -a '(__cunzheng_entries Subcommands)'
    complete -c $program -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__cunzheng_entries Options)'
end
