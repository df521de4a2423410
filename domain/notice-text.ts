/** One notice as each of SNS's protocols should get it: pure, so that its limits can be tested. */
import { instantInWords } from './duration.js';
import type { Post, PostEvidence } from './notices.js';
import type { NoticeDocument } from './notice.schema.js';

export interface NoticeContent extends Omit<Post, 'consolePath'> {
  readonly model: string;
  readonly team: string | null;
  readonly endpoint: string;
  readonly region: string;
  /** Address on the console; `null` when there is no console. */
  readonly link: string | null;
  /** The notices that are told together here; absent for a single one. */
  readonly posts?: readonly Post[];
  /** Where people find the console; for the links of `posts`. */
  readonly consoleUrl: string | null;
}

/** What Publish takes for `MessageStructure: json`. */
export interface RenderedNotice {
  readonly subject: string;
  /** Protocol → its text. */
  readonly byProtocol: Readonly<Record<string, string>>;
}

/** SNS: under 100 characters, printable ASCII, no line breaks. */
const SUBJECT_LENGTH = 99;
/** SNS takes 262,144 bytes with attributes and all; they need no more than the rest. */
const MOST_BYTES = 262_144 - 8_192;
/** Characters of text to begin with; cut until the whole fits. */
const TEXT_LENGTH = 30_000;
/** One text message, also where SNS counts in bytes. */
export const SMS_LENGTH = 140;
/** A link that leaves fewer characters to the words is left out: words without a link say more than a link alone. */
const FEWEST_SMS_WORDS = 40;

/** Protocols that a program listens on: they get the whole as a document. */
const FOR_PROGRAMS = ['lambda', 'sqs', 'http', 'https'] as const;

/** One notice for every protocol, cut until SNS takes it: its texts first, then the notices that it gathers. */
export function renderNotice(content: NoticeContent): RenderedNotice {
  let rendered = renderedAt(content, TEXT_LENGTH);
  for (let length = TEXT_LENGTH / 2; !isTaken(rendered) && length >= 100; length /= 2)
    rendered = renderedAt(content, length);
  const { posts = [] } = content;
  for (let told = posts.length / 2; !isTaken(rendered) && told >= 1; told /= 2)
    rendered = renderedAt(firstOf(content, posts, Math.floor(told)), 300);
  return rendered;
}

const isTaken = ({ byProtocol }: RenderedNotice): boolean =>
  bytesOf(JSON.stringify(byProtocol)) <= MOST_BYTES;

const firstOf = (content: NoticeContent, posts: readonly Post[], count: number): NoticeContent => ({
  ...content,
  text: `${content.text}\nToo much for one message: the first ${String(count)} are here, the console has the others.`,
  posts: posts.slice(0, count),
});

function renderedAt(content: NoticeContent, length: number): RenderedNotice {
  const cut = cutTo(content, length);
  const forPeople = mailText(cut);
  const document = JSON.stringify(noticeDocument(cut));
  return {
    subject: subjectLine(content.subject),
    byProtocol: {
      default: forPeople,
      email: forPeople,
      sms: smsText(content.subject, content.text, content.link),
      ...Object.fromEntries(FOR_PROGRAMS.map((protocol) => [protocol, document])),
    },
  };
}

export function subjectLine(subject: string): string {
  const line = subject
    .replace(/[^\x20-\x7e]+/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  if (line === '') return 'modelkeeper';
  return line.length <= SUBJECT_LENGTH ? line : `${line.slice(0, SUBJECT_LENGTH - 3)}...`;
}

/** For people: the text, the notices it stands for, the evidence, the link, and the key of those who read it twice. */
function mailText({
  text,
  posts = [],
  evidence = [],
  link,
  key,
  consoleUrl,
}: NoticeContent): string {
  const gathered = posts.flatMap((post) => [
    '',
    `${instantInWords(post.atMs)}  ${post.severity}  ${post.notice}`,
    post.subject,
    ...post.text.split('\n').map((line) => `  ${line}`),
    ...linkLines(linkOf(consoleUrl, post.consolePath)),
  ]);
  return [
    text,
    ...gathered,
    ...(evidence.length === 0 ? [] : ['', 'Reports:', ...evidence.map(evidenceLine)]),
    ...(link === null ? [] : ['', link]),
    '',
    `[${key}]`,
  ].join('\n');
}

const evidenceLine = ({ uri, digest }: PostEvidence): string =>
  digest === undefined ? `  ${uri}` : `  ${uri} (sha256 ${digest})`;

const linkLines = (link: string | null): readonly string[] => (link === null ? [] : [`  ${link}`]);

export const linkOf = (consoleUrl: string | null, path: string | null): string | null =>
  consoleUrl === null || path === null ? null : `${consoleUrl.replace(/\/+$/, '')}${path}`;

/** For programs: the whole, by the schema that docs/ holds. */
export function noticeDocument(content: NoticeContent): NoticeDocument {
  const { model, team, endpoint, region, posts, consoleUrl } = content;
  return {
    schema: 'modelkeeper/notice-v1',
    model,
    team,
    endpoint,
    region,
    ...oneNotice(content, content.link),
    ...(posts === undefined
      ? {}
      : { notices: posts.map((post) => oneNotice(post, linkOf(consoleUrl, post.consolePath))) }),
  };
}

function oneNotice(
  { notice, severity, subject, text, key, atMs, evidence = [] }: Omit<Post, 'consolePath'>,
  link: string | null,
): NonNullable<NoticeDocument['notices']>[number] {
  return {
    event: notice,
    severity,
    subject,
    text,
    dedupeKey: key,
    at: new Date(atMs).toISOString(),
    evidence: evidence.map(({ uri, digest }) => ({ uri, sha256: digest ?? null })),
    link,
  };
}

/** Each text at most so long; those of a digest share the length. */
function cutTo(content: NoticeContent, length: number): NoticeContent {
  const { posts } = content;
  if (posts === undefined) return { ...content, text: shortened(content.text, length) };
  const each = Math.max(40, Math.floor(length / Math.max(1, posts.length)));
  return {
    ...content,
    text: shortened(content.text, length),
    posts: posts.map((post) => ({
      ...post,
      subject: shortened(post.subject, 200),
      text: shortened(post.text, each),
    })),
  };
}

const CUT = '… (cut; the console has the whole)';

function shortened(text: string, length: number): string {
  if (text.length <= length) return text;
  // Half of a surrogate pair is no character.
  return `${text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '')}${CUT}`;
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/**
 * One text message: what happened, cut at a word, and the link if it leaves room for words. Only characters of the GSM
 * alphabet, so that none of them costs the room of two.
 */
export function smsText(subject: string, text: string, link: string | null): string {
  const [first = ''] = text.split('\n').filter((line) => line.trim() !== '');
  const words = gsm(`${subject}${/[.?!:]$/.test(subject) ? '' : ':'} ${first}`);
  const tail = link === null ? '' : ` ${gsm(link)}`;
  const room = SMS_LENGTH - septets(tail);
  return room >= FEWEST_SMS_WORDS
    ? `${cutAtWord(words, room)}${tail}`
    : cutAtWord(words, SMS_LENGTH);
}

function cutAtWord(text: string, room: number): string {
  if (septets(text) <= room) return text;
  let kept = '';
  let used = septets(ELLIPSIS);
  for (const letter of text) {
    used += septets(letter);
    if (used > room) break;
    kept += letter;
  }
  const atWord = kept.replace(/\s+\S*$/, '');
  return `${(atWord === '' ? kept : atWord).trimEnd()}${ELLIPSIS}`;
}

const ELLIPSIS = '...';

/** GSM 03.38: the basic alphabet, and the ten characters that take the room of two. */
const GSM_BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
const GSM_DOUBLE = '^{}\\[~]|€\f';

const LOOKS_LIKE: Readonly<Record<string, string>> = {
  '–': '-',
  '—': '-',
  '−': '-',
  '‘': "'",
  '’': "'",
  '`': "'",
  '“': '"',
  '”': '"',
  '…': '...',
  '·': '.',
  '×': 'x',
  '≥': '>=',
  '≤': '<=',
  '→': '->',
  '\u00a0': ' ',
  '\t': ' ',
};

/** The nearest text of the GSM alphabet: accents fall away, what has no likeness becomes `?`. */
export function gsm(text: string): string {
  return Array.from(text, (letter) => {
    if (GSM_BASIC.includes(letter) || GSM_DOUBLE.includes(letter)) return letter;
    const alike = LOOKS_LIKE[letter];
    if (alike !== undefined) return alike;
    const bare = letter.normalize('NFKD').replace(/\p{M}/gu, '');
    return bare !== '' && Array.from(bare).every((one) => GSM_BASIC.includes(one)) ? bare : '?';
  })
    .join('')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Length as a text message counts it. */
export const septets = (text: string): number =>
  Array.from(text).reduce((sum, letter) => sum + (GSM_DOUBLE.includes(letter) ? 2 : 1), 0);
