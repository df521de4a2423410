/** docs/cli.md names every option of the commands over files, as --help does. */
import { readFileSync, writeFileSync } from 'node:fs';

import type { Option } from 'commander';
import { describe, expect, it } from 'vitest';

import type { CliContext } from '../../../client/cli/context.js';
import { buildProgram } from '../../../client/cli/program.js';

const PAGE = 'docs/cli.md';
const REPAIR =
  'run MODELKEEPER_WRITE_DOCS=1 npx vitest run --project unit test/unit/client/cli-docs.test.ts, then prettier';
const COMMANDS = ['drift', 'profile', 'multivariate', 'evaluate'];
const MARKED = /<!-- options: (\w+) -->\n([\s\S]*?)<!-- end -->/g;

const { commands } = buildProgram({} as CliContext, '0.0.0');

/** Threads are those of the machine. */
function defaultOf({ long, defaultValue }: Option): string {
  if (long === '--threads') return 'as many as there are cores';
  return defaultValue === undefined ? '' : `\`${String(defaultValue)}\``;
}

function tableOf(name: string): string {
  const command = commands.find((one) => one.name() === name);
  if (command === undefined) throw new Error(`there is no command ${name}`);
  const rows = command.options.map((option) => {
    const choices =
      option.argChoices === undefined
        ? ''
        : `: ${option.argChoices.map((one) => `\`${one}\``).join(', ')}`;
    const what = `${option.description}${choices}${option.mandatory ? '; needed' : ''}`;
    return `| \`${option.flags}\` | ${what.replaceAll('|', '\\|')} | ${defaultOf(option)} |`;
  });
  return ['| Option | What | Default |', '| --- | --- | --- |', ...rows].join('\n');
}

const squeezed = (text: string): string =>
  text.replaceAll(/ {2,}/g, ' ').replaceAll(/-{3,}/g, '---').trim();

describe('docs/cli.md', () => {
  if (process.env['MODELKEEPER_WRITE_DOCS'] === '1') {
    const page = readFileSync(PAGE, 'utf8').replace(
      MARKED,
      (_all, name: string) => `<!-- options: ${name} -->\n\n${tableOf(name)}\n\n<!-- end -->`,
    );
    writeFileSync(PAGE, page);
  }
  const shown = new Map(
    [...readFileSync(PAGE, 'utf8').matchAll(MARKED)].map(([, name = '', table = '']) => [
      name,
      table,
    ]),
  );

  it.each(COMMANDS)('has the options of %s that --help has, and no others', (name) => {
    expect(squeezed(shown.get(name) ?? ''), REPAIR).toBe(squeezed(tableOf(name)));
  });

  it('names every command', () => {
    const page = readFileSync(PAGE, 'utf8');
    const names = commands.map((command) => command.name());
    expect(names.filter((name) => !new RegExp(`\`${name}[ \`]`).test(page))).toEqual([]);
  });
});
