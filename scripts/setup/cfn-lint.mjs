// Obtains cfn-lint, which checks CloudFormation templates, with what it needs.
import { onPath } from './machine.mjs';
import { obtainOnce } from './obtain.mjs';
import { withProgress } from './progress.mjs';
import { whyFailed } from './run.mjs';
import { NoWay, firstThatWorks } from './ways.mjs';

export const CFN_LINT_VERSION = '1.51.0';

const runPython = (machine, python, folder, args) =>
  machine.run(python, args, {
    env: { ...machine.env, PYTHONPATH: folder },
    timeoutMs: 300_000,
  });

/**
 * A function that lints templates: `lint(files)` answers what it finds, each `{ Filename, Message, Rule, Location }`.
 *
 * @throws {SetupError} when there is no Python with pip, or the package cannot be had.
 */
export async function ensureCfnLint(machine) {
  const { python, folder } = await firstThatWorks(
    `cfn-lint ${CFN_LINT_VERSION}`,
    [
      {
        name: `pip install cfn-lint==${CFN_LINT_VERSION}`,
        attempt: () => install(machine),
      },
    ],
    [
      'install Python 3.9 or later with pip (Debian: apt-get install python3-pip), and let pip reach a mirror.',
    ],
  );
  return async (files) => {
    const program = 'import sys; from cfnlint.runner import main; sys.exit(main())';
    const args = ['-c', program, '--format', 'json', ...files];
    const result = await runPython(machine, python, folder, args);
    try {
      return JSON.parse(result.stdout);
    } catch {
      throw new Error(`cfn-lint does not answer: ${whyFailed(result)}`);
    }
  };
}

/** Into a folder of its own: what Python has installed elsewhere is neither used nor touched. */
async function install(machine) {
  const python = await onPath(machine, 'python3');
  if (python === undefined) throw new NoWay('python3 is not installed');
  const folder = await obtainOnce(
    machine,
    `cfn-lint-${CFN_LINT_VERSION}`,
    (part) =>
      withProgress(`Obtaining cfn-lint ${CFN_LINT_VERSION} with pip`, async () => {
        const result = await machine.run(
          python,
          [
            ...['-m', 'pip', 'install', '-q', '--no-compile', '--disable-pip-version-check'],
            ...['--target', part, `cfn-lint==${CFN_LINT_VERSION}`],
          ],
          { timeoutMs: 600_000 },
        );
        if (!result.ok) throw new NoWay(`pip install: ${whyFailed(result)}`);
      }),
    // Parts of it are compiled for one Python: with another one it is obtained again.
    async (made) => {
      const result = await runPython(machine, python, made, ['-c', 'import cfnlint.runner']);
      if (!result.ok) throw new NoWay(`import cfnlint: ${whyFailed(result)}`);
    },
  );
  return { python, folder };
}
