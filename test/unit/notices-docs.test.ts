import { readFileSync, writeFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { linkOf, renderNotice } from '../../domain/notice-text.js';
import type { NoticeContent } from '../../domain/notice-text.js';
import { asOne } from '../../domain/notices.js';
import type { Post } from '../../domain/notices.js';

const PAGE = 'docs/notices.md';
const REPAIR = 'run this test with MODELKEEPER_WRITE_DOCS=1 and format the page';

const consoleUrl = 'https://models.example.com';
const common = {
  model: 'flight-delays',
  team: 'operations',
  endpoint: 'flight-delays',
  region: 'us-east-1',
  consoleUrl,
};

const night: readonly Post[] = [
  {
    notice: 'drift',
    severity: 'warning',
    subject: 'flight-delays: drift',
    text: 'inputs: origin moved by 0.41 on 5,204 rows',
    key: 'keeper/flight-delays/1f2e3d4c/verdict/1772409600000',
    atMs: Date.UTC(2026, 2, 2, 0, 0),
    consolePath: '/models/flight-delays',
  },
  {
    notice: 'failed',
    severity: 'warning',
    subject: 'flight-delays release 7: failed gates',
    text: 'failed gates: auc-ni: the candidate is worse by 0.03',
    key: 'release/flight-delays/7/ended',
    atMs: Date.UTC(2026, 2, 2, 3, 12, 9),
    consolePath: '/models/flight-delays/releases/7',
  },
];

function gathered(): NoticeContent {
  const { consolePath, ...rest } = asOne('flight-delays', night);
  return {
    ...common,
    ...rest,
    posts: night,
    atMs: Date.UTC(2026, 2, 2, 6),
    link: linkOf(consoleUrl, consolePath),
  };
}

const EXAMPLES: Readonly<Record<string, NoticeContent>> = {
  approval: {
    ...common,
    notice: 'approval',
    severity: 'info',
    subject: 'Approve flight-delays release 8?',
    text: [
      'Why: inputs: origin moved by 0.41',
      'Evaluation: pass on 6000 rows',
      'roc_auc: candidate 0.6500 (0.6300 to 0.6700), champion 0.6000 (0.5800 to 0.6200)',
      'Needs 2 of: ada@example.com, grace@example.com',
      'Expires: 2026-03-05 12:00:00 UTC',
    ].join('\n'),
    key: 'release/flight-delays/8/approval/0f3c9a1b2d4e',
    atMs: Date.UTC(2026, 2, 2, 12),
    link: linkOf(consoleUrl, '/models/flight-delays/releases/8/approve'),
    evidence: [
      { uri: 's3://ml-artefacts/modelkeeper/reports/flight-delays-8.json', digest: '9b74c9…' },
    ],
  },
  night: gathered(),
};

/** What stands between the marks of an example. */
function block(example: string, protocol: string): string {
  const content = EXAMPLES[example];
  if (content === undefined) throw new Error(`no example ${example}`);
  const { subject, byProtocol } = renderNotice(content);
  const text = byProtocol[protocol] ?? '';
  if (protocol === 'sqs') return `\`\`\`json\n${JSON.stringify(JSON.parse(text), null, 2)}\n\`\`\``;
  const head = protocol === 'email' ? `Subject: ${subject}\n\n` : '';
  return `\`\`\`text\n${head}${text}\n\`\`\``;
}

const MARKED = /<!-- example: (\w+) (\w+) -->\n([\s\S]*?)<!-- end -->/g;

describe('docs/notices.md', () => {
  if (process.env['MODELKEEPER_WRITE_DOCS'] === '1') {
    const page = readFileSync(PAGE, 'utf8').replace(
      MARKED,
      (_all, example: string, protocol: string) =>
        `<!-- example: ${example} ${protocol} -->\n\n${block(example, protocol)}\n\n<!-- end -->`,
    );
    writeFileSync(PAGE, page);
  }
  const examples = [...readFileSync(PAGE, 'utf8').matchAll(MARKED)];

  it('has examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(4);
  });
  it.each(
    examples.map(([, example = '', protocol = '', shown = '']) => ({ example, protocol, shown })),
  )('shows what the code makes ($example, $protocol)', ({ example, protocol, shown }) => {
    const squeezed = (text: string): string => text.replace(/\s+/g, ' ').trim();
    expect(squeezed(shown), REPAIR).toBe(squeezed(block(example, protocol)));
  });
});
