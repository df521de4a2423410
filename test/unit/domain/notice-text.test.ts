import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  gsm,
  linkOf,
  noticeDocument,
  renderNotice,
  septets,
  SMS_LENGTH,
  smsText,
  subjectLine,
} from '../../../domain/notice-text.js';
import type { NoticeContent } from '../../../domain/notice-text.js';
import { noticeDocumentSchema } from '../../../domain/notice.schema.js';
import { asOne, MOST_HELD } from '../../../domain/notices.js';
import type { Post } from '../../../domain/notices.js';

const NOON = Date.UTC(2026, 2, 1, 12);
const LINK = 'https://models.example.com/models/flights/releases/3/approve';

const content = (change: Partial<NoticeContent> = {}): NoticeContent => ({
  model: 'flights',
  team: 'operations',
  endpoint: 'flights-live',
  region: 'us-east-1',
  notice: 'approval',
  severity: 'info',
  subject: 'Approve flights release 3?',
  text: 'Why: origin moved by 0.41\nEvaluation: pass on 6000 rows',
  key: 'release/flights/3/approval/abc',
  atMs: NOON,
  link: LINK,
  consoleUrl: 'https://models.example.com',
  evidence: [{ uri: 's3://ml-artefacts/report.json', digest: 'f00d' }],
  ...change,
});
const post = (change: Partial<Post> = {}): Post => ({
  notice: 'drift',
  severity: 'warning',
  subject: 'flights: drift',
  text: 'origin moved by 0.41',
  key: 'keeper/flights/1',
  atMs: NOON,
  consolePath: '/models/flights',
  ...change,
});

describe('a notice', () => {
  it('is a text with evidence, link and key for people', () => {
    const { byProtocol } = renderNotice(content());
    expect(byProtocol['email']).toBe(
      [
        'Why: origin moved by 0.41',
        'Evaluation: pass on 6000 rows',
        '',
        'Reports:',
        '  s3://ml-artefacts/report.json (sha256 f00d)',
        '',
        LINK,
        '',
        '[release/flights/3/approval/abc]',
      ].join('\n'),
    );
    expect(byProtocol['default']).toBe(byProtocol['email']);
  });
  it.each(['lambda', 'sqs', 'http', 'https'])('is the whole as a document for %s', (protocol) => {
    const document: unknown = JSON.parse(renderNotice(content()).byProtocol[protocol] ?? '');
    expect(noticeDocumentSchema.parse(document)).toMatchObject({
      schema: 'modelkeeper/notice-v1',
      event: 'approval',
      dedupeKey: 'release/flights/3/approval/abc',
      at: '2026-03-01T12:00:00.000Z',
      evidence: [{ uri: 's3://ml-artefacts/report.json', sha256: 'f00d' }],
      link: LINK,
    });
  });
  it('of as many as are ever held is taken by SNS, however long they are, and says what it leaves out', () => {
    const posts = Array.from({ length: MOST_HELD }, (_, index) =>
      post({
        subject: 'é'.repeat(300),
        text: '漢'.repeat(2_000),
        key: `release/${'m'.repeat(40)}/${String(index)}/ended`,
        consolePath: `/models/${'m'.repeat(40)}/releases/${String(index)}`,
        evidence: [1, 2].map((at) => ({
          uri: `s3://ml-artefacts/${'m'.repeat(150)}/${String(at)}.json`,
          digest: 'f'.repeat(64),
        })),
      }),
    );
    const { byProtocol } = renderNotice(content({ posts, ...asOne('flights', posts) }));
    expect(new TextEncoder().encode(JSON.stringify(byProtocol)).length).toBeLessThan(262_144);
    const document = noticeDocumentSchema.parse(JSON.parse(byProtocol['sqs'] ?? ''));
    const told = document.notices?.length ?? 0;
    expect(told).toBeGreaterThan(20);
    expect(document.text).toContain(
      told === MOST_HELD ? '100 notices' : `the first ${String(told)} are here`,
    );
    expect(document.notices?.[0]?.dedupeKey).toBe(posts[0]?.key);
  });

  it('of many holds each of them, with its time and link, in the text and in the document', () => {
    const many = content({ posts: [post(), post({ subject: 'flights: no data', key: 'k2' })] });
    const mail = renderNotice(many).byProtocol['email'] ?? '';
    expect(mail).toContain(
      '2026-03-01 12:00:00 UTC  warning  drift\nflights: drift\n  origin moved',
    );
    expect(mail).toContain('flights: no data');
    expect(mail).toContain('  https://models.example.com/models/flights\n');
    expect(noticeDocument(many).notices?.map(({ dedupeKey }) => dedupeKey)).toEqual([
      'keeper/flights/1',
      'k2',
    ]);
  });
  it.each([
    ['letters', 'a'.repeat(400_000)],
    ['characters of four bytes', '😀'.repeat(100_000)],
    ['marks that JSON escapes twice', '"\\'.repeat(100_000)],
    ['control characters', '\u0001'.repeat(100_000)],
  ])('of any length (%s) fits into what SNS takes, and says that it was cut', (_what, text) => {
    const { byProtocol } = renderNotice(content({ text }));
    expect(Buffer.byteLength(JSON.stringify(byProtocol))).toBeLessThanOrEqual(262_144 - 8_192);
    expect(byProtocol['email']).toContain('(cut; the console has the whole)');
    expect(byProtocol['email']).not.toMatch(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
  });
  it('of a hundred long ones fits too, and names each', () => {
    const posts = Array.from({ length: 100 }, (_, n) =>
      post({ key: `k${String(n)}`, text: '"é'.repeat(1_000) }),
    );
    const { byProtocol } = renderNotice(content({ posts }));
    expect(Buffer.byteLength(JSON.stringify(byProtocol))).toBeLessThanOrEqual(262_144 - 8_192);
    const document = noticeDocumentSchema.parse(JSON.parse(byProtocol['sqs'] ?? ''));
    expect(document.notices).toHaveLength(100);
  });
});

describe('a subject', () => {
  it.each([
    [
      'one line',
      'flights-3 waits\nfor your approval — today',
      'flights-3 waits for your approval today',
    ],
    ['never empty', '–\n', 'modelkeeper'],
    ['at most 99 characters', 'a'.repeat(100), `${'a'.repeat(96)}...`],
    ['as it is with 99 characters', 'a'.repeat(99), 'a'.repeat(99)],
  ])('is %s', (_what, subject, line) => {
    expect(subjectLine(subject)).toBe(line);
  });
});

describe('a text message', () => {
  it('says what happened and where', () => {
    expect(smsText('flights: drift', 'origin moved', 'https://m.example.com/x')).toBe(
      'flights: drift: origin moved https://m.example.com/x',
    );
  });
  it('is cut at a word, and keeps the link', () => {
    const text = smsText('Approve flights release 3?', `Why: ${'origin moved '.repeat(30)}`, LINK);
    expect(text).toMatch(/ (origin|moved)\.\.\. https:\/\/models\.example\.com\/.*approve$/);
    expect(septets(text)).toBeLessThanOrEqual(SMS_LENGTH);
  });
  it('leaves out a link that leaves no room for words', () => {
    const text = smsText(
      'flights: drift',
      'origin moved',
      `https://m.example.com/${'x'.repeat(90)}`,
    );
    expect(text).toBe('flights: drift: origin moved');
  });
  it('keeps a link that leaves just room for forty characters', () => {
    const link = `https://m.example.com/${'x'.repeat(SMS_LENGTH - 40 - 1 - 22)}`;
    expect(smsText('flights: drift', 'origin moved', link)).toContain(link);
    expect(smsText('flights: drift', 'origin moved', `${link}x`)).not.toContain('https');
  });
  it.each([
    ['dashes, quotes and comparisons', '0.58–0.59 ≥ “0.6”', '0.58-0.59 >= "0.6"'],
    ['letters with accents that GSM lacks', 'Šárka', 'Sarka'],
    ['letters with accents that GSM has', 'Öl é à', 'Öl é à'],
    ['characters without a likeness', '模型', '??'],
    ['line breaks', 'a\n\tb', 'a b'],
  ])('replaces %s', (_what, text, plain) => {
    expect(gsm(text)).toBe(plain);
  });
  it('counts brackets and braces twice', () => {
    expect(septets('[a]')).toBe(5);
  });
  it('never takes more room than one message has, nor a character outside of its alphabet', () => {
    const url = fc.option(fc.webUrl(), { nil: null });
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 400 }),
        fc.string({ maxLength: 400 }),
        url,
        (subject, text, link) => {
          const sms = smsText(subject, text, link);
          expect(septets(sms)).toBeLessThanOrEqual(SMS_LENGTH);
          expect(sms).toBe(gsm(sms));
        },
      ),
    );
  });
});

describe('a link', () => {
  it('is there when there is a console and a page', () => {
    expect(linkOf('https://m.example.com/', '/models/x')).toBe('https://m.example.com/models/x');
    expect(linkOf(null, '/models/x')).toBeNull();
    expect(linkOf('https://m.example.com', null)).toBeNull();
  });
});
