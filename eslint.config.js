// The borders of docs/design.md as lint rules. Each is tried against deliberate violations in
// test/lint/borders.test.ts. Borders are lists of what is allowed: a new folder starts outside them.
import tseslint from 'typescript-eslint';

/** How deep a folder may be nested before the border rules stop seeing it; a test keeps this honest. */
const DEEPEST = 6;

const AWS_CLIENT_NAMES =
  '^(?:\\w*Client|ApplicationAutoScaling|CloudWatch|EventBridge|IAM|S3|SageMaker|SageMakerRuntime|ServiceQuotas|SNS|SQS|STS)$';

const NO_AWS_CLIENTS = {
  regex: '^@aws-sdk/client-',
  importNamePattern: AWS_CLIENT_NAMES,
  allowTypeImports: true,
  message:
    'AWS clients are built in worker/aws.ts, client/account.ts, client/doctor/reads.ts, client/bridge/ and client/identity.ts only.',
};

/** Paths that go up after going down could walk around a border. */
const NO_DETOURS = {
  regex: '^\\./\\.\\./|[^./]/\\.\\./',
  message: 'Go up only at the beginning of an import path.',
};

/** Bare packages (and node: modules) outside `allowed`, a regular expression's alternatives. */
const packagesBut = (allowed, message) => ({
  regex: allowed === '' ? '^(?!\\.{1,2}/)' : `^(?!\\.{1,2}/)(?!(?:${allowed})$)`,
  message,
});
const packages = (forbidden, message) => ({ regex: `^(?:${forbidden})$`, message });
const typesOnly = (regex, message) => ({ regex, allowTypeImports: true, message });

const DYNAMIC = [
  { selector: 'ImportExpression', message: 'Import statically: the borders are checked there.' },
  { selector: 'TSImportType', message: 'Use `import type`: the borders are checked there.' },
];

/**
 * The border of one top-level folder.
 *
 * `may` names the top-level folders it may import from besides itself; `mayTypes` those it may only
 * import types from. `exact` holds further permitted paths as regular expressions from the root.
 * Files named in `except` get a border of their own.
 */
function border(
  folder,
  { may = [], mayTypes = [], exact = [], patterns = [], files, dynamic = false },
) {
  const open = [folder, ...may].map((name) => `${name}/`).concat(exact);
  const openToTypes = mayTypes.map((name) => `${name}/`);
  const message = `${folder}/ may import from: ${[folder, ...may, ...mayTypes.map((t) => `${t} (types)`), ...exact].join(', ')}.`;
  const depths = Array.from({ length: DEEPEST }, (_, index) => index + 1);
  return depths.flatMap((depth) => {
    const here = `${folder}/${'*/'.repeat(depth - 1)}`;
    const matching = files === undefined ? [`${here}*.ts`] : files(here, depth);
    if (matching.length === 0) return [];
    const leaving = `^(?:\\.\\./){${String(depth)}}`;
    const allowedHere = [
      {
        regex: `${leaving}(?!${[...open, ...openToTypes].join('|')})`,
        message,
      },
      ...(openToTypes.length === 0
        ? []
        : [
            typesOnly(
              `${leaving}(?!${open.join('|')})(?:${openToTypes.join('|')})`,
              `${message} Types only.`,
            ),
          ]),
    ];
    return [
      {
        name: `border of ${here}`,
        files: matching,
        rules: {
          '@typescript-eslint/no-restricted-imports': [
            'error',
            { patterns: [...allowedHere, NO_DETOURS, ...patterns] },
          ],
          'no-restricted-syntax': dynamic ? 'off' : ['error', ...DYNAMIC],
        },
      },
    ];
  });
}

const inFolder = (name) => (here, depth) => (depth === 1 ? [`${here}${name}`] : []);

const borders = [
  ...border('domain', {
    patterns: [packagesBut('', 'domain/ is pure: no packages, no Node; zod in *.schema.ts only.')],
  }),
  ...border('domain', {
    files: (here) => [`${here}*.schema.ts`],
    patterns: [packagesBut('zod', 'A schema file knows zod and nothing else.')],
  }),
  ...border('analysis', {
    may: ['domain'],
    patterns: [
      packages('@aws-sdk/.*|@temporalio/.*', 'analysis/ works on files and numbers.'),
      packages('vega.*', 'Plots belong to analysis/report/.'),
    ],
  }),
  ...border('analysis', {
    files: (here, depth) => {
      if (depth === 1) return ['analysis/report.ts'];
      return [`analysis/report/${'*/'.repeat(depth - 2)}*.ts`];
    },
    may: ['domain'],
    patterns: [packages('@aws-sdk/.*|@temporalio/.*', 'analysis/ works on files and numbers.')],
  }),
  ...border('workflows', {
    may: ['domain'],
    mayTypes: ['activities'],
    patterns: [
      packagesBut('@temporalio/workflow|@temporalio/common', 'Not available in workflow code.'),
      typesOnly(
        '\\.schema\\.js$|/domain/index\\.js$',
        'Types only: a schema would run again on every replay and puts zod into the bundle.',
      ),
    ],
  }),
  ...border('activities', {
    may: ['domain', 'analysis'],
    patterns: [
      NO_AWS_CLIENTS,
      packages(
        '@temporalio/(?!activity$|common$|client$).*',
        'Activities know @temporalio/activity and @temporalio/common.',
      ),
      typesOnly('^@temporalio/client$', 'Types only: the worker hands the client in.'),
      packages('@duckdb/.*|vega.*', 'Data work belongs to analysis/.'),
      packages('fastify|@fastify/.*|commander', 'Doors belong to client/.'),
    ],
  }),
  ...border('client', {
    may: ['domain', 'analysis'],
    exact: ['workflows/messages\\.js$'],
    patterns: [
      NO_AWS_CLIENTS,
      packages('@temporalio/(?:worker|workflow|activity|testing)', 'Doors only talk to Temporal.'),
    ],
    dynamic: true,
  }),
  ...border('client', {
    files: (here, depth) =>
      depth === 1 ? ['client/identity.ts'] : [`client/bridge/${'*/'.repeat(depth - 2)}*.ts`],
    may: ['domain', 'analysis'],
    exact: ['workflows/messages\\.js$'],
    patterns: [
      packages('@temporalio/(?:worker|workflow|activity|testing)', 'Doors only talk to Temporal.'),
    ],
    dynamic: true,
  }),
  ...border('client', {
    files: (here, depth) =>
      depth === 1 ? ['client/account.ts'] : depth === 2 ? ['client/doctor/reads.ts'] : [],
    may: ['domain', 'analysis', 'activities'],
    exact: ['workflows/messages\\.js$'],
    patterns: [
      packages('@temporalio/(?:worker|workflow|activity|testing)', 'Doors only talk to Temporal.'),
    ],
  }),
  ...border('worker', {
    may: ['domain', 'activities'],
    patterns: [
      NO_AWS_CLIENTS,
      packages('@temporalio/(?:workflow|testing)', 'The worker runs them.'),
    ],
    dynamic: true,
  }),
  ...border('worker', {
    files: inFolder('aws.ts'),
    may: ['domain', 'activities'],
    patterns: [packages('@temporalio/(?:workflow|testing)', 'The worker runs them.')],
    dynamic: true,
  }),
  ...border('sandbox', {
    patterns: [packages('modelkeeper(?:/.*)?', 'The sandbox knows nothing of ours.')],
    dynamic: true,
  }),
  // AWS would not have Temporal inside.
  ...['aws', 'learner'].flatMap((part) =>
    border('sandbox', {
      files: (here, depth) =>
        depth === 1 ? [] : [`sandbox/${part}/${'*/'.repeat(depth - 2)}*.ts`],
      patterns: [
        packages('modelkeeper(?:/.*)?', 'The sandbox knows nothing of ours.'),
        packages('@temporalio/.*', 'The local AWS knows nothing of Temporal.'),
        NO_AWS_CLIENTS,
      ],
      dynamic: true,
    }),
  ),
  ...border('bin', {
    mayTypes: ['worker', 'client', 'sandbox', 'domain'],
    exact: ['client/cli/'],
    dynamic: true,
  }),
  {
    name: 'nobody imports bin/',
    files: ['test/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts', 'infra/**/*.ts', '*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(?:\\.\\.?/)+bin/', message: 'Nobody imports bin/: start it.' }] },
      ],
    },
  },
];

const NO_SKIPPED_TESTS = {
  selector:
    'MemberExpression[object.name=/^(it|test|describe|suite)$/][property.name=/^(only|skip|skipIf|runIf|todo|fails)$/]',
  message: 'A test runs, or it is not there.',
};

const nodeGlobals = Object.fromEntries(
  [
    'AbortController',
    'AbortSignal',
    'Buffer',
    'URL',
    'clearInterval',
    'clearTimeout',
    'console',
    'fetch',
    'performance',
    'process',
    'setImmediate',
    'setInterval',
    'setTimeout',
    'structuredClone',
  ].map((name) => [name, 'readonly']),
);

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/**',
      '**/dist/**',
      '.modelkeeper*/**',
      'coverage/**',
      'test/fixtures/**',
    ],
  },
  { linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'off' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
    },
  },
  ...borders,
  {
    files: ['test/**', 'bench/**'],
    rules: {
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/require-await': 'off',
      'no-restricted-syntax': ['error', NO_SKIPPED_TESTS],
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: nodeGlobals },
    rules: {
      'constructor-super': 'error',
      eqeqeq: 'error',
      'getter-return': 'error',
      'no-cond-assign': 'error',
      'no-const-assign': 'error',
      'no-constant-binary-expression': 'error',
      'no-dupe-args': 'error',
      'no-dupe-else-if': 'error',
      'no-dupe-keys': 'error',
      'no-duplicate-case': 'error',
      'no-empty': ['error', { allowEmptyCatch: true }],
      'no-fallthrough': 'error',
      'no-func-assign': 'error',
      'no-import-assign': 'error',
      'no-promise-executor-return': 'error',
      'no-redeclare': 'error',
      'no-self-assign': 'error',
      'no-shadow': 'error',
      'no-undef': 'error',
      'no-unreachable': 'error',
      'no-unsafe-finally': 'error',
      'no-unused-vars': ['error', { caughtErrors: 'none' }],
      'no-use-before-define': ['error', { functions: false, classes: false }],
      'no-var': 'error',
      'prefer-const': 'error',
      'valid-typeof': 'error',
    },
  },
);
