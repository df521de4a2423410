import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';

import { ESLint } from 'eslint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** As in eslint.config.js. */
const DEEPEST = 6;

const BORDER = '@typescript-eslint/no-restricted-imports';
const SYNTAX = 'no-restricted-syntax';

interface Attempt {
  readonly file: string;
  readonly code: string;
  readonly rule: string;
}

const refused = (file: string, code: string, rule = BORDER): Attempt => ({ file, code, rule });
const allowed = (file: string, code: string) => ({ file, code });

const ACTIVITY_TYPE = "import type { A } from '../activities/work.js';\nexport type B = A;\n";
const value = (path: string, name = 'x') =>
  `import { ${name} } from '${path}';\nexport const y = ${name};\n`;
const type = (path: string, name = 'X') =>
  `import type { ${name} } from '${path}';\nexport type Y = ${name};\n`;

/** What each folder may not do: one line for each way around its border that we could think of. */
const VIOLATIONS: readonly Attempt[] = [
  refused('domain/a.ts', value('node:fs')),
  refused('domain/a.ts', value('zod', 'z')),
  refused('domain/a.ts', type('@temporalio/common')),
  refused('domain/a.ts', type('@aws-sdk/client-s3', 'S3Client')),
  refused('domain/a.ts', value('../workflows/messages.js')),
  refused('domain/a.ts', type('../activities/work.js', 'A')),
  refused('domain/stats/a.ts', value('../../analysis/count.js')),
  refused('domain/a.ts', value('./../worker/run.js')),
  refused('domain/a.ts', value('./stats/../../worker/run.js')),
  refused('domain/a.ts', value('../domain-of-others/rule.js')),
  refused('domain/a.ts', "export * from '../client/index.js';\n"),
  refused('domain/a.ts', "export const load = () => import('../worker/run.js');\n", SYNTAX),
  refused('domain/a.ts', "export type A = import('../worker/run.js').A;\n", SYNTAX),
  refused('domain/a.schema.ts', value('node:fs')),
  refused('domain/a.schema.ts', value('../activities/work.js')),

  refused('analysis/a.ts', value('../workflows/messages.js')),
  refused('analysis/a.ts', value('../activities/work.js')),
  refused('analysis/a.ts', value('@aws-sdk/client-s3', 'GetObjectCommand')),
  refused('analysis/a.ts', value('@temporalio/activity', 'heartbeat')),
  refused('analysis/a.ts', value('vega-lite', 'compile')),
  refused('analysis/report/a.ts', value('../../client/index.js')),
  refused('analysis/report/a.ts', value('@aws-sdk/client-s3', 'GetObjectCommand')),

  refused('workflows/a.ts', value('node:fs')),
  refused('workflows/a.ts', value('@aws-sdk/client-s3', 'S3Client')),
  refused('workflows/a.ts', type('@aws-sdk/client-s3', 'S3Client')),
  refused('workflows/a.ts', value('@temporalio/client', 'Client')),
  refused('workflows/a.ts', value('@temporalio/worker', 'Worker')),
  refused('workflows/a.ts', value('@temporalio/activity', 'heartbeat')),
  refused('workflows/a.ts', value('zod', 'z')),
  refused('workflows/a.ts', value('../activities/work.js')),
  refused('workflows/stages/a.ts', value('../../activities/work.js')),
  refused('workflows/a.ts', value('../domain/rule.schema.js')),
  refused('workflows/a.ts', value('../domain/index.js')),
  refused('workflows/a.ts', value('../analysis/count.js')),
  refused('workflows/a.ts', type('../client/index.js')),
  refused('workflows/a.ts', value('../worker/run.js')),
  refused('workflows/a.ts', "export const load = () => import('node:fs');\n", SYNTAX),

  refused('activities/a.ts', value('../workflows/messages.js')),
  refused('activities/a.ts', type('../workflows/messages.js')),
  refused('activities/a.ts', value('../worker/run.js')),
  refused('activities/a.ts', value('../client/index.js')),
  refused('activities/a.ts', value('../sandbox/aws/kernel.js')),
  refused('activities/a.ts', value('@temporalio/workflow', 'sleep')),
  refused('activities/a.ts', value('@duckdb/node-api', 'DuckDBInstance')),
  refused('activities/a.ts', value('vega-lite', 'compile')),
  refused('activities/a.ts', value('fastify')),
  refused('activities/a.ts', value('commander', 'Command')),
  refused('activities/a.ts', value('@temporalio/worker', 'Worker')),
  refused('activities/a.ts', value('@temporalio/client', 'Client')),
  refused('activities/a.ts', value('@aws-sdk/client-sagemaker', 'SageMakerClient')),
  refused(
    'activities/a.ts',
    value('@aws-sdk/client-sagemaker', 'SageMakerClient as Other').replace(
      'const y = SageMakerClient as Other',
      'const y = Other',
    ),
  ),
  refused(
    'activities/a.ts',
    "import * as aws from '@aws-sdk/client-s3';\nexport const y = new aws.S3Client({});\n",
  ),
  refused('activities/a.ts', value('@aws-sdk/client-s3', 'S3')),

  refused('client/a.ts', value('../activities/work.js')),
  refused('client/a.ts', type('../activities/work.js', 'A')),
  refused('client/cli/a.ts', value('../../activities/work.js')),
  refused('client/a.ts', value('../workflows/keeper.js')),
  refused('client/a.ts', value('../worker/run.js')),
  refused('client/a.ts', value('../sandbox/aws/kernel.js')),
  refused('client/a.ts', value('@aws-sdk/client-sqs', 'SQSClient')),
  refused('client/console/a.ts', value('@aws-sdk/client-s3', 'S3Client')),
  refused('client/a.ts', value('@temporalio/worker', 'Worker')),
  refused('client/bridge/a.ts', value('@temporalio/worker', 'Worker')),
  refused('client/account.ts', value('@temporalio/worker', 'Worker')),
  refused('client/doctor/examine.ts', value('@aws-sdk/client-iam', 'IAMClient')),
  refused('client/identity.ts', value('@temporalio/workflow', 'sleep')),
  refused('worker/a.ts', value('@temporalio/workflow', 'sleep')),
  refused('worker/aws.ts', value('@temporalio/testing', 'TestWorkflowEnvironment')),
  refused('client/bridge/a.ts', value('../../activities/work.js')),
  refused('client/identity.ts', value('../activities/work.js')),
  refused('client/account.ts', value('../worker/run.js')),

  refused('worker/a.ts', value('../workflows/messages.js')),
  refused('worker/a.ts', value('../client/index.js')),
  refused('worker/a.ts', value('../sandbox/aws/kernel.js')),
  refused('worker/a.ts', value('@aws-sdk/client-s3', 'S3Client')),
  refused('worker/aws.ts', value('../client/index.js')),

  refused('sandbox/aws/a.ts', value('../../domain/rule.js')),
  refused('sandbox/aws/s3/a.ts', type('../../../domain/rule.js')),
  refused('sandbox/aws/a.ts', value('@temporalio/client', 'Client')),
  refused('sandbox/aws/a.ts', value('modelkeeper/domain')),
  refused('sandbox/aws/a.ts', value('@aws-sdk/client-s3', 'S3Client')),
  refused('sandbox/story/a.ts', value('modelkeeper/client')),
  refused('sandbox/story/a.ts', value('../../client/index.js')),
  refused('sandbox/story/a.ts', value('../../worker/run.js')),
  refused('sandbox/a.ts', value('../workflows/messages.js')),

  refused('bin/a.ts', value('../worker/run.js')),
  refused('client/a.ts', value('../bin/a.js')),
  refused('worker/a.ts', value('../bin/a.js')),
  refused('test/unit/a.test.ts', value('../../bin/a.js')),

  refused(
    'workflows/a.ts',
    `${ACTIVITY_TYPE}export function f(): void {\n  Promise.resolve(1);\n}\n`,
    '@typescript-eslint/no-floating-promises',
  ),
  refused(
    'workflows/a.ts',
    'declare function on(f: () => void): void;\non(async () => {\n  await Promise.resolve();\n});\n',
    '@typescript-eslint/no-misused-promises',
  ),
  refused(
    'domain/a.ts',
    'export const f = (x: any): unknown => x;\n',
    '@typescript-eslint/no-explicit-any',
  ),
  refused(
    'domain/a.ts',
    '// eslint-disable-next-line\nexport const f = (x: any): unknown => x;\n',
    '@typescript-eslint/no-explicit-any',
  ),
  refused(
    'test/unit/a.test.ts',
    "import { it } from 'vitest';\nit.skip('claims something', () => undefined);\n",
    SYNTAX,
  ),
  refused(
    'test/unit/a.test.ts',
    "import { describe } from 'vitest';\ndescribe.only('a thing', () => undefined);\n",
    SYNTAX,
  ),
];

/** What each folder is there to do. */
const PERMITTED = [
  allowed('domain/a.ts', value('./rule.js')),
  allowed('domain/stats/a.ts', value('../rule.js')),
  allowed('domain/a.schema.ts', value('zod', 'z')),
  allowed('domain/a.ts', value('./rule.schema.js')),
  allowed('analysis/a.ts', value('../domain/rule.js')),
  allowed('analysis/a.ts', value('@duckdb/node-api', 'DuckDBInstance')),
  allowed('analysis/report/a.ts', value('vega-lite', 'compile')),
  allowed('workflows/a.ts', value('../domain/rule.js')),
  allowed('workflows/stages/a.ts', value('../../domain/rule.js')),
  allowed('workflows/stages/a.ts', value('../messages.js')),
  allowed('workflows/a.ts', type('../domain/rule.schema.js')),
  allowed('workflows/a.ts', ACTIVITY_TYPE),
  allowed('workflows/a.ts', value('@temporalio/workflow', 'sleep')),
  allowed('workflows/a.ts', value('@temporalio/common', 'ApplicationFailure')),
  allowed('activities/a.ts', value('../analysis/count.js')),
  allowed('activities/a.ts', value('../domain/rule.schema.js')),
  allowed('activities/a.ts', value('node:fs', 'readFileSync')),
  allowed('activities/a.ts', value('@aws-sdk/client-s3', 'GetObjectCommand')),
  allowed('activities/a.ts', type('@aws-sdk/client-s3', 'S3Client')),
  allowed('activities/a.ts', type('@temporalio/client', 'Client')),
  allowed('activities/a.ts', value('@temporalio/activity', 'heartbeat')),
  allowed('client/a.ts', value('../workflows/messages.js')),
  allowed('client/cli/a.ts', value('../../analysis/count.js')),
  allowed('client/cli/a.ts', value('../account.js')),
  allowed('client/account.ts', value('../activities/work.js')),
  allowed('client/doctor/reads.ts', value('@aws-sdk/client-iam', 'IAMClient')),
  allowed('client/account.ts', value('@aws-sdk/client-s3', 'S3Client')),
  allowed('client/identity.ts', value('@aws-sdk/client-sts', 'STSClient')),
  allowed('client/bridge/a.ts', value('@aws-sdk/client-sqs', 'SQSClient')),
  allowed('client/bridge/queue/a.ts', value('@aws-sdk/client-sqs', 'SQSClient')),
  allowed('worker/a.ts', value('../activities/work.js')),
  allowed('worker/a.ts', value('@temporalio/worker', 'Worker')),
  allowed('worker/aws.ts', value('@aws-sdk/client-s3', 'S3Client')),
  allowed('sandbox/aws/s3/a.ts', value('../kernel.js')),
  allowed('sandbox/story/a.ts', value('@aws-sdk/client-s3', 'S3Client')),
  allowed('sandbox/temporal/a.ts', value('@temporalio/client', 'Client')),
  allowed('bin/a.ts', value('../client/cli/exit.js')),
  allowed('bin/a.ts', "export const load = () => import('../worker/run.js');\n"),
  allowed('test/unit/a.test.ts', value('../../domain/rule.js')),
] as const;

/** A house with the real rules and nothing in its rooms but what a test puts there. */
let house: string;
let eslint: ESLint;

function put(file: string, code: string): void {
  mkdirSync(dirname(join(house, file)), { recursive: true });
  writeFileSync(join(house, file), code);
}

beforeAll(async () => {
  house = mkdtempSync(join(tmpdir(), 'modelkeeper-borders-'));
  for (const file of ['eslint.config.js', 'tsconfig.json', 'package.json']) {
    cpSync(join(ROOT, file), join(house, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(house, 'node_modules'));
  const thing = 'export const x = 1;\nexport type X = 1;\nexport type A = 1;\n';
  for (const file of [
    'domain/rule.ts',
    'domain/rule.schema.ts',
    'domain/index.ts',
    'analysis/count.ts',
    'workflows/messages.ts',
    'workflows/keeper.ts',
    'activities/work.ts',
    'worker/run.ts',
    'client/index.ts',
    'sandbox/aws/kernel.ts',
  ]) {
    put(file, thing);
  }
  for (const [index, { file, code }] of [...VIOLATIONS, ...PERMITTED].entries()) {
    put(inRoom(file, index), code);
  }
  eslint = new ESLint({ cwd: house });
  // The first one reads the whole house, which takes a while.
  await complaints({ file: 'domain/rule.ts', code: 'export const x = 1;' }, 0);
}, 120_000);

afterAll(() => {
  rmSync(house, { recursive: true, force: true });
});

/** A file name of its own for each attempt, unless its name is what the rule goes by. */
function inRoom(file: string, index: number): string {
  return file.replace(/\/a\./, `/a${index}.`);
}

async function complaints({ file, code }: { file: string; code: string }, index: number) {
  const filePath = join(house, inRoom(file, index));
  const [result] = await eslint.lintText(code, { filePath });
  return result?.messages ?? [];
}

describe('the borders', () => {
  it('see every file: none lies deeper than the rules look', () => {
    const rooms = ['domain', 'analysis', 'workflows', 'activities', 'client', 'worker', 'sandbox'];
    const depths = rooms
      .filter((room) => existsSync(join(ROOT, room)))
      .flatMap((room) => readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' }))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => file.split(sep).length);
    expect(Math.max(...depths)).toBeLessThanOrEqual(DEEPEST);
  });

  it.each(VIOLATIONS.map((attempt, index) => ({ ...attempt, index })))(
    'refuse in $file: $code',
    async (attempt) => {
      const found = await complaints(attempt, attempt.index);
      expect(found.map(({ ruleId }) => ruleId)).toContain(attempt.rule);
    },
  );

  it.each(PERMITTED.map((attempt, index) => ({ ...attempt, index: index + VIOLATIONS.length })))(
    'allow in $file: $code',
    async (attempt) => {
      const found = await complaints(attempt, attempt.index);
      const ofBorders = found.filter(({ ruleId }) => ruleId === BORDER || ruleId === SYNTAX);
      expect(ofBorders).toEqual([]);
      expect(found.filter(({ fatal }) => fatal === true)).toEqual([]);
    },
  );
});
