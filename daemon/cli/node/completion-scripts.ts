import { type CompletionTable, isWords, type Place } from './completion-table.ts';

// The same three functions in each shell: the words after a command, what an option takes, and the
// way from the typed words to one of these. A word `:file` stands for the names of files.

/** For bash 4 and on. */
export function bashScript(table: CompletionTable): string {
  return `# cooee completion for bash: source <(cooee completion bash)
${posixTables(table)}
_cooee() {
  local cur=\${COMP_WORDS[COMP_CWORD]} route='' word value='' found
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    # bash takes --option=value and @file apart.
    case "$word" in '=' | '@') continue ;; esac
    if [[ -n $value ]]; then
      value=''
    elif [[ $word == -* ]]; then
      value=$(_cooee_value "$route $word")
    elif [[ -n $(_cooee_words "\${route:+$route }$word") ]]; then
      route="\${route:+$route }$word"
    fi
  done
  case "$cur" in '=' | '@') cur='' ;; esac
  if [[ -z $value ]]; then value=$(_cooee_words "$route" "$cur"); fi
  COMPREPLY=()
  case " $value " in
    *' :file '*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    *' :folder '*) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
  esac
  if [[ \${#COMPREPLY[@]} -gt 0 ]]; then compopt -o filenames 2>/dev/null; fi
  mapfile -t found < <(compgen -W "\${value//:[a-z]*/}" -- "$cur")
  COMPREPLY+=("\${found[@]}")
}
complete -F _cooee cooee
`;
}

/** For zsh 5, sourced or as a file \`_cooee\` in the fpath. */
export function zshScript(table: CompletionTable): string {
  return `#compdef cooee
# cooee completion for zsh: source <(cooee completion zsh)
${posixTables(table)}
_cooee() {
  local route='' word value='' cur=\${words[CURRENT]}
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $value ]]; then
      value=''
    elif [[ $word == -* ]]; then
      value=$(_cooee_value "$route $word")
    elif [[ -n $(_cooee_words "\${route:+$route }$word") ]]; then
      route="\${route:+$route }$word"
    fi
  done
  if [[ -z $value ]]; then value=$(_cooee_words "$route" "$cur"); fi
  found=(\${=value})
  found=(\${found:#:*})
  if (( $#found )); then compadd -- $found; fi
  case " $value " in
    *' :file '*) compset -P @; _files ;;
    *' :folder '*) _files -/ ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _cooee "$@"; else compdef _cooee cooee; fi
`;
}

/** For fish 3 and on. */
export function fishScript(table: CompletionTable): string {
  const words = table.commands.map(
    (row) => `    case '${row.path}'\n      echo '${wordsOf(row)}'\n      echo '${optionsOf(row)}'`,
  );
  const values = table.values.map(
    ({ path, option, place }) => `    case '${path} ${option}'\n      echo '${placeText(place)}'`,
  );
  return `# cooee completion for fish: cooee completion fish | source
function __cooee_words
  switch "$argv[1]"
${words.join('\n')}
  end
end
function __cooee_value
  switch "$argv[1]"
${values.join('\n')}
  end
end
function __cooee_complete
  set -l typed (commandline -opc)
  set -e typed[1]
  set -l cur (commandline -ct)
  set -l route ''
  set -l value ''
  for word in $typed
    if test -n "$value"
      set value ''
    else if string match -q -- '-*' $word
      set value (__cooee_value "$route $word")
    else if test -n "$(__cooee_words (string trim -- "$route $word"))"
      set route (string trim -- "$route $word")
    end
  end
  if test -z "$value"
    set -l both (__cooee_words "$route")
    if string match -q -- '-*' $cur; or test -z "$both[1]"
      set value "$both[2]"
    else
      set value "$both[1]"
    end
  end
  for word in (string split -n ' ' -- $value)
    switch $word
      case :file
        if string match -q -- '@*' $cur
          printf '@%s\\n' (__fish_complete_path (string sub -s 2 -- $cur))
        else
          __fish_complete_path $cur
        end
      case :folder
        __fish_complete_directories $cur
      case :any
      case '*'
        echo $word
    end
  end
end
complete -c cooee -f -a '(__cooee_complete)'
`;
}

/** The tables as functions of bash and zsh. */
function posixTables(table: CompletionTable): string {
  const words = table.commands.map(
    (row) => `    '${row.path}') words='${wordsOf(row)}' options='${optionsOf(row)}' ;;`,
  );
  const values = table.values.map(({ path, option, place }) => {
    const pattern = path === '*' ? `*' ${option}'` : `'${path} ${option}'`;
    return `    ${pattern}) echo '${placeText(place)}' ;;`;
  });
  return `_cooee_words() {
  local words='' options=''
  case "$1" in
${words.join('\n')}
    *) return ;;
  esac
  # Options when one is begun, or when there is nothing else.
  case "$2" in -*) words='' ;; esac
  echo "\${words:-$options}"
}
_cooee_value() {
  case "$1" in
${values.join('\n')}
  esac
}`;
}

function wordsOf({ words, takesFile }: CompletionTable['commands'][number]): string {
  return [...words, ...(takesFile ? [':file'] : [])].join(' ');
}

function optionsOf({ options }: CompletionTable['commands'][number]): string {
  return options.join(' ');
}

function placeText(place: Place): string {
  return isWords(place) ? place.join(' ') : `:${place}`;
}
