// node scripts/aws-table.mjs: writes docs/aws.md, the table of every AWS operation, permission and event, from the code.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Which process a source file runs in. */
const PROCESSES = [
  [/^activities\//, 'worker'],
  [/^worker\//, 'worker'],
  [/^client\/bridge\//, 'bridge'],
  [/^client\//, 'console, command line'],
];

/** IAM's prefix of a client's service. */
const PREFIXES = {
  'application-auto-scaling': 'application-autoscaling',
  cloudwatch: 'cloudwatch',
  eventbridge: 'events',
  iam: 'iam',
  s3: 's3',
  sagemaker: 'sagemaker',
  'sagemaker-runtime': 'sagemaker',
  'service-quotas': 'servicequotas',
  sns: 'sns',
  sqs: 'sqs',
  sts: 'sts',
};

/** Operations that IAM calls otherwise. An empty text: no permission is needed. */
const PERMISSIONS = {
  's3:HeadObject': 's3:GetObject',
  's3:HeadBucket': 's3:ListBucket',
  's3:ListObjectsV2': 's3:ListBucket',
  's3:ListObjectVersions': 's3:ListBucketVersions',
  's3:GetBucketVersioning': 's3:GetBucketVersioning',
  's3:GetObjectLockConfiguration': 's3:GetBucketObjectLockConfiguration',
  'sts:GetCallerIdentity': '',
};

const filesBelow = (folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`);

/** What one file sends: `{ service, operation }` for each command it imports. */
function operationsIn(text) {
  return [
    ...text.matchAll(/import (?:type )?\{([^}]*)\} from '@aws-sdk\/client-([a-z0-9-]+)'/g),
  ].flatMap(([, names, service]) =>
    names.split(',').flatMap((name) => {
      const operation = /^\s*([A-Z]\w+)Command\s*$/.exec(name)?.[1];
      return operation === undefined ? [] : [{ service, operation }];
    }),
  );
}

/** Every operation the code sends, with where and by which process. */
export function operationsUsed() {
  const found = new Map();
  for (const file of ['activities', 'worker', 'client'].flatMap(filesBelow).sort()) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const stages = [
      ...new Set([...text.matchAll(/clientsFor\(deps, '(\w+)'\)/g)].map(([, stage]) => stage)),
    ];
    for (const { service, operation } of operationsIn(text)) {
      const key = `${PREFIXES[service] ?? service}:${operation}`;
      const permission = PERMISSIONS[key] ?? key;
      const row = found.get(key) ?? {
        service,
        operation,
        permission,
        processes: new Set(),
        files: new Set(),
        stages: new Set(),
      };
      row.processes.add(PROCESSES.find(([pattern]) => pattern.test(file))?.[1] ?? file);
      row.files.add(relative('.', file));
      for (const stage of stages) row.stages.add(stage);
      found.set(key, row);
    }
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

/** Actions that code names as the permission a request needs. */
export function permissionsNamed() {
  const named = new Set();
  for (const file of ['activities', 'client'].flatMap(filesBelow))
    for (const [, action] of readFileSync(join(ROOT, file), 'utf8').matchAll(
      /\bmay\(\s*'([a-z0-9-]+:[A-Za-z]+)'/g,
    ))
      named.add(action);
  return [...named].sort();
}

/** Detail types of the events the bridge reads. */
export function eventsRead() {
  const text = readFileSync(join(ROOT, 'client/bridge/events.schema.ts'), 'utf8');
  const readers = /const READERS[^=]*=\s*\{([\s\S]*?)\n\};/.exec(text)?.[1] ?? '';
  return [...readers.matchAll(/^ {2}'([A-Z][^']+)':/gm)].map(([, name]) => name).sort();
}

export function awsPage() {
  const rows = operationsUsed().map(
    ({ service, operation, permission, processes, stages, files }) =>
      `| ${service} | ${operation} | ${permission === '' ? 'none' : `\`${permission}\``} | ${[...processes].join('; ')} | ${[...stages].sort().join(', ')} | ${[...files].map((file) => `\`${file}\``).join(', ')} |`,
  );
  return `# AWS operations, permissions and events

Made from the code by \`node scripts/aws-table.mjs\`; a test compares. Stages are those of the file's calls under
\`spec.roles\` ([security.md](security.md)); without one, the call carries the identity of the process. SageMaker, Application
Auto Scaling and EventBridge act on roles of their own besides; \`infra/access.yaml\` names those permissions too.

## Operations

| Service | Operation | Permission | Process | Stages | Where |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

## Events the bridge reads

${eventsRead()
  .map((name) => `- ${name}`)
  .join('\n')}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(join(ROOT, 'docs/aws.md'), awsPage());
