/** Completion scripts of shells, made from the tree of commands: they cannot know less than it. */
import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The hidden word by which a script asks for what only the service knows. */
export const ASK_WORD = '__complete';

/** One command as a script needs it. */
export type Completed = {
  /** Its words, e.g. `breaker open`; empty: the program itself. */
  readonly path: string;
  readonly about: string;
  readonly words: readonly { readonly word: string; readonly about: string }[];
  readonly options: readonly {
    readonly flag: string;
    readonly about: string;
    readonly takesValue: boolean;
    /** It is a file. */
    readonly isFile: boolean;
  }[];
  /** Its first argument, or all of them, are collectors. */
  readonly names: 'none' | 'first' | 'all';
  /** Its argument is a file. */
  readonly isFile: boolean;
};

/** Every command but the hidden ones, the program first. */
export function completed(root: Command): readonly Completed[] {
  return walk(root, []);
}

function walk(command: Command, path: readonly string[]): readonly Completed[] {
  const subcommands = visible(command);
  const own: Completed = {
    path: path.join(' '),
    about: command.description(),
    words: [
      ...subcommands.map((each) => ({ word: each.name(), about: each.description() })),
      ...wordsOf(command),
    ],
    options: [...command.options, ...helpOf(command)].flatMap(optionOf),
    names: namesOf(command),
    isFile: command.registeredArguments.some((each) => each.name() === 'journal'),
  };
  return [own, ...subcommands.flatMap((each) => walk(each, [...path, each.name()]))];
}

function visible(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');
}

/** Arguments that are one of a few words. */
function wordsOf(command: Command) {
  const [first] = command.registeredArguments;
  return (first?.argChoices ?? []).map((word) => ({ word, about: first?.description ?? '' }));
}

function helpOf(command: Command): readonly Option[] {
  const shown = command.createHelp().visibleOptions(command);
  return shown.filter((option) => !command.options.includes(option));
}

function optionOf(option: Option): Completed['options'] {
  const { long, description, required, optional } = option;
  if (long === undefined) return [];
  const isFile = / <(file|path)>/.test(option.flags) || long === '--journal' || long === '--config';
  return [{ flag: long, about: description, takesValue: required || optional, isFile }];
}

function namesOf(command: Command): Completed['names'] {
  const [first] = command.registeredArguments;
  if (first?.name() !== 'name') return 'none';
  return first.variadic ? 'all' : 'first';
}

/** The script of a shell, to be sourced. */
export function completionScript(shell: Shell, commands: readonly Completed[]): string {
  if (shell === 'bash') return bashScript(commands);
  return shell === 'zsh' ? zshScript(commands) : fishScript(commands);
}

/** For single quotes of any of these shells. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const keyOf = (path: string): string => (path === '' ? '-' : path);

/** In bash: which command, from the words before; then what may follow there. */
function bashScript(commands: readonly Completed[]): string {
  const cases = commands.map(({ path, words, options, names, isFile }) => {
    const flags = options.map(({ flag }) => flag).join(' ');
    const told = words.map(({ word }) => word).join(' ');
    const lines = [
      `    ${quoted(keyOf(path))})`,
      `      words=${quoted(told)}; flags=${quoted(flags)}`,
      `      names=${names}; file=${isFile ? 'yes' : 'no'} ;;`,
    ];
    return lines.join('\n');
  });
  const valued = [...new Set(commands.flatMap(({ options }) => options.filter(takes).map(flagOf)))];
  const filed = [
    ...new Set(commands.flatMap(({ options }) => options.filter(isFiled).map(flagOf))),
  ];
  const paths = commands.map(({ path }) => quoted(keyOf(path))).join('|');
  return `# bash completion of headgate: source <(headgate completion bash)
_headgate() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local path='-' words='' flags='' names=none file=no given=0 index word next skip=no
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ $skip == yes ]]; then skip=no; continue; fi
    case $word in
      ${valued.join('|')}) skip=yes; continue ;;
      -*) continue ;;
    esac
    if [[ $path == - ]]; then next=$word; else next="$path $word"; fi
    case $next in
      ${paths}) path=$next ;;
      *) given=$((given + 1)) ;;
    esac
  done
  case $previous in
    ${filed.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${valued.join('|')}) return ;;
  esac
  case $path in
${cases.join('\n')}
  esac
  if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$current")); return; fi
  if [[ $names == all || ( $names == first && $given == 0 ) ]]; then
    words="$words $(headgate ${ASK_WORD} collectors 2>/dev/null)"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ $file == yes ]]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -F _headgate headgate
`;
}

type CompletedOption = Completed['options'][number];
const takes = ({ takesValue }: CompletedOption): boolean => takesValue;
const isFiled = ({ isFile }: CompletedOption): boolean => isFile;
const flagOf = ({ flag }: CompletedOption): string => flag;

/** In zsh by its own emulation of bash's words: one table to be right. */
function zshScript(commands: readonly Completed[]): string {
  return `#compdef headgate
# zsh completion of headgate: source <(headgate completion zsh)
autoload -U +X bashcompinit && bashcompinit
${bashScript(commands).replace(/^# bash.*\n/, '')}`;
}

function fishScript(commands: readonly Completed[]): string {
  const lines = commands.flatMap(({ path, words, options, names, isFile }) => {
    const when = quoted(`__headgate_at ${keyOf(path).replaceAll(' ', '_')}`);
    const begin = `complete -c headgate -n ${when}`;
    return [
      ...words.map(({ word, about }) => `${begin} -a ${quoted(word)} -d ${quoted(about)}`),
      ...options.map(({ flag, about, takesValue, isFile: isFileOption }) => {
        const value = takesValue ? (isFileOption ? ' -r -F' : ' -x') : '';
        return `${begin} -l ${flag.slice(2)}${value} -d ${quoted(about)}`;
      }),
      ...(names === 'none' ? [] : [`${begin} -a '(headgate ${ASK_WORD} collectors 2>/dev/null)'`]),
      ...(isFile ? [`${begin} -F`] : []),
    ];
  });
  const groups = commands.filter(({ path }) => path !== '').map(({ path }) => path);
  const known = groups.map((path) => path.replaceAll(' ', '_')).join(' ');
  return `# fish completion of headgate: headgate completion fish | source
function __headgate_at
  set -l path -
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    set -l next $word
    test $path = -; or set next "$path"_"$word"
    contains -- $next ${known}; and set path $next
  end
  test $path = $argv[1]
end
complete -c headgate -f
${lines.join('\n')}
`;
}
