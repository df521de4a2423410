import type { Command } from 'commander';

import type { CliContext } from './context.js';
import { EXIT, Exit } from './exit.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function addCompletionCommand(program: Command, context: CliContext): void {
  program
    .command('completion <shell>')
    .description('print shell completion: bash, zsh or fish')
    .addHelpText(
      'after',
      '\nExample:\n  $ source <(modelkeeper completion bash)\n  $ modelkeeper completion fish > ~/.config/fish/completions/modelkeeper.fish\n',
    )
    .action((shell: string) => {
      const known = SHELLS.find((one) => one === shell);
      if (known === undefined)
        throw new Exit(EXIT.refused, `'${shell}' is none of ${SHELLS.join(', ')}`);
      context.out(completionScript(known, program));
    });
}

interface Word {
  readonly name: string;
  readonly description: string;
  readonly options: readonly { readonly flag: string; readonly description: string }[];
  /** Takes files as arguments. */
  readonly files: boolean;
}

/** The script, made from the commands themselves so that it cannot fall behind. */
export function completionScript(shell: Shell, program: Command): string {
  const words = program.commands.map((command): Word => ({
    name: command.name(),
    description: command.description(),
    options: command.options.map((option) => ({
      flag: option.long ?? option.flags,
      description: option.description,
    })),
    files: command.registeredArguments.some((argument) => /^files?$/.test(argument.name())),
  }));
  switch (shell) {
    case 'bash':
      return bash(words);
    case 'zsh':
      return zsh(words);
    case 'fish':
      return fish(words);
  }
}

function bash(words: readonly Word[]): string {
  const cases = words.map(
    (word) =>
      `    ${word.name}) options="${word.options.map((option) => option.flag).join(' ')}"${word.files ? '; files=yes' : ''} ;;`,
  );
  return `# bash completion for modelkeeper
_modelkeeper() {
  local current="\${COMP_WORDS[COMP_CWORD]}" options="" files=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${words.map((word) => word.name).join(' ')} help --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options --help" -- "$current"))
  elif [ -n "$files" ]; then
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _modelkeeper modelkeeper`;
}

function zsh(words: readonly Word[]): string {
  const escaped = (text: string): string => text.replaceAll(/['[\]:]/g, ' ');
  const cases = words.map(
    (word) =>
      `    ${word.name}) _arguments ${[
        ...word.options.map((option) => `'${option.flag}[${escaped(option.description)}]'`),
        word.files ? "'*:file:_files'" : "'*:: :'",
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
  return [
    '# fish completion for modelkeeper',
    'complete -c modelkeeper -f',
    ...words.flatMap((word) => [
      `complete -c modelkeeper -n __fish_use_subcommand -a ${word.name} -d ${quoted(word.description)}`,
      ...(word.files
        ? [`complete -c modelkeeper -n '__fish_seen_subcommand_from ${word.name}' -F`]
        : []),
      ...word.options.map(
        (option) =>
          `complete -c modelkeeper -n '__fish_seen_subcommand_from ${word.name}' -l ${option.flag.replace(/^--/, '')} -d ${quoted(option.description)}`,
      ),
    ]),
  ].join('\n');
}
