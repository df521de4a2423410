import { Argument, type Command } from 'commander';

import type { CliContext } from './context.js';
import { show } from './command.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function addCompletionCommand(program: Command, context: CliContext): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .description('print shell completion: bash, zsh or fish')
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      '\nExample:\n  $ source <(modelkeeper completion bash)\n  $ modelkeeper completion fish > ~/.config/fish/completions/modelkeeper.fish\n',
    )
    .action((shell: Shell, options: { readonly json?: true }) => {
      const script = completionScript(shell, program);
      show(context, options, { shell, script }, () => script);
    });
}

interface Flag {
  readonly flag: string;
  readonly description: string;
  /** Wants a value after it. */
  readonly takes: 'nothing' | 'a value' | 'a file';
}

interface Word {
  readonly name: string;
  readonly description: string;
  readonly options: readonly Flag[];
  /** Takes files as arguments. */
  readonly files: boolean;
  /** Words that an argument may be, such as `verify` of `ledger`. */
  readonly choices: readonly string[];
}

/** The script, made from the commands themselves so that it cannot fall behind. */
export function completionScript(shell: Shell, program: Command): string {
  const words = program.commands.map((command): Word => ({
    name: command.name(),
    description: command.description(),
    options: command.options.map((option) => ({
      flag: option.long ?? option.flags,
      description: option.description,
      takes: option.required ? (/<file>/.test(option.flags) ? 'a file' : 'a value') : 'nothing',
    })),
    files: command.registeredArguments.some((argument) => /^files?$/.test(argument.name())),
    choices: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
  }));
  const help: Word = {
    name: 'help',
    description: 'help for a command',
    options: [],
    files: false,
    choices: words.map((word) => word.name),
  };
  switch (shell) {
    case 'bash':
      return bash([...words, help]);
    case 'zsh':
      return zsh([...words, help]);
    case 'fish':
      return fish([...words, help]);
  }
}

const flagsThatTake = (words: readonly Word[], what: Flag['takes']): readonly string[] => [
  ...new Set(
    words.flatMap((word) =>
      word.options.filter((option) => option.takes === what).map((option) => option.flag),
    ),
  ),
];

function bash(words: readonly Word[]): string {
  const cases = words.map(
    (word) =>
      `    ${word.name}) options="${word.options.map((option) => option.flag).join(' ')}" choices="${word.choices.join(' ')}"${word.files ? ' files=yes' : ''} ;;`,
  );
  // No `-o filenames` for all of it: a folder called `console` would turn the command into `console/`.
  return `# bash completion for modelkeeper
_modelkeeper() {
  local current="\${COMP_WORDS[COMP_CWORD]}" options="" choices="" files="" line
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${words.map((word) => word.name).join(' ')} --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
    ${flagsThatTake(words, 'a file').join(' | ')}) choices="" files=yes ;;
    ${flagsThatTake(words, 'a value').join(' | ')}) return ;;
  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options --help" -- "$current"))
  elif [ -n "$files" ]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
  elif [ -n "$choices" ]; then
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
  fi
}
complete -F _modelkeeper modelkeeper`;
}

function zsh(words: readonly Word[]): string {
  const escaped = (text: string): string => text.replaceAll(/['[\]:]/g, ' ');
  const value = { nothing: '', 'a value': ':value: ', 'a file': ':file:_files' } as const;
  const cases = words.map(
    (word) =>
      `    ${word.name}) _arguments ${[
        ...word.options.map(
          (option) => `'${option.flag}[${escaped(option.description)}]${value[option.takes]}'`,
        ),
        word.files
          ? "'*:file:_files'"
          : word.choices.length > 0
            ? `'*:what:(${word.choices.join(' ')})'`
            : "'*:: :'",
      ].join(' ')} ;;`,
  );
  return `#compdef modelkeeper
_modelkeeper() {
  if (( CURRENT == 2 )); then
    local -a commands
    commands=(${words.map((word) => `'${word.name}:${escaped(word.description)}'`).join(' ')})
    _describe 'command' commands
    return
  fi
  local command="\${words[2]}"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join('\n')}
  esac
}
compdef _modelkeeper modelkeeper`;
}

function fish(words: readonly Word[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", ' ')}'`;
  const value = { nothing: '', 'a value': ' -x', 'a file': ' -r -F' } as const;
  return [
    '# fish completion for modelkeeper',
    'complete -c modelkeeper -f',
    ...words.flatMap((word) => {
      const within = `complete -c modelkeeper -n '__fish_seen_subcommand_from ${word.name}'`;
      return [
        `complete -c modelkeeper -n __fish_use_subcommand -a ${word.name} -d ${quoted(word.description)}`,
        ...(word.files ? [`${within} -F`] : []),
        ...(word.choices.length > 0 ? [`${within} -a ${quoted(word.choices.join(' '))}`] : []),
        ...word.options.map(
          (option) =>
            `${within} -l ${option.flag.replace(/^--/, '')}${value[option.takes]} -d ${quoted(option.description)}`,
        ),
      ];
    }),
  ].join('\n');
}
