/** Numbers, instants and names as people read them. */
import { instantInWords, inWords } from '../../domain/duration.js';
import type { ReleaseResult, WindowResult } from '../../domain/model.js';
import type { Proof } from '../../domain/people.js';
import { html, type Html } from './html.js';

/** `3 d 4 h ago`, `in 12 min`; the exact instant stands in `datetime` and in the title. */
export function when(atMs: number, nowMs: number): Html {
  const exact = instantInWords(atMs);
  const distance =
    Math.abs(atMs - nowMs) < 1_000
      ? 'now'
      : atMs > nowMs
        ? `in ${inWords(atMs - nowMs)}`
        : `${inWords(nowMs - atMs)} ago`;
  return html`<time datetime="${new Date(atMs).toISOString()}" title="${exact}">${distance}</time>`;
}

/** `for 3 d 4 h`, of something that still is. */
export function lasting(sinceMs: number, nowMs: number): Html {
  return html`<time
    datetime="${new Date(sinceMs).toISOString()}"
    title="since ${instantInWords(sinceMs)}"
    >for ${inWords(nowMs - sinceMs)}</time
  >`;
}

/** `1 Mar 2026, 14:05 UTC (in 2 d 3 h)`, for instants that somebody plans by. */
export function instant(atMs: number, nowMs: number): Html {
  return html`${exactly(atMs)} (${when(atMs, nowMs)})`;
}

const DAY_AND_MINUTE = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
});
const CLOCK = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZone: 'UTC',
});
const DAY = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});

/** `1 Mar 2026, 14:05 UTC`. */
export function exactly(atMs: number): string {
  return `${DAY_AND_MINUTE.format(atMs)} UTC`;
}

/** `14:05:09`, for lines that stand under their day. */
export function clock(atMs: number): string {
  return CLOCK.format(atMs);
}

/** `1 Mar 2026`. */
export function day(atMs: number): string {
  return DAY.format(atMs);
}

/** `1 Mar 2026, 14:05 UTC to 20:05 UTC`; seconds are shown when the span is shorter than ten minutes. */
export function span(fromMs: number, toMs: number): string {
  if (toMs - fromMs < 600_000) return `${day(fromMs)}, ${clock(fromMs)} to ${clock(toMs)} UTC`;
  return day(fromMs) === day(toMs)
    ? `${day(fromMs)}, ${clock(fromMs).slice(0, 5)} to ${clock(toMs).slice(0, 5)} UTC`
    : `${exactly(fromMs)} to ${exactly(toMs)}`;
}

const COUNT = new Intl.NumberFormat('en-GB');

/** `12,345`. */
export function count(value: number): string {
  return COUNT.format(value);
}

/** Four significant places, which is more than any interval here supports; `–` for what is not known. */
export function measure(value: number | null): string {
  return value === null ? '–' : value.toFixed(Math.abs(value) >= 100 ? 1 : 4);
}

/** A signed difference: `+0.0123`. */
export function difference(value: number | null): string {
  return value === null ? '–' : `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
}

/** `1 approval`, `2 approvals`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `ada`, `ada and grace`, `ada, grace and mary`. */
export function listed(names: readonly string[], word: 'and' | 'or' = 'and'): string {
  return names.length < 2
    ? (names[0] ?? '')
    : `${names.slice(0, -1).join(', ')} ${word} ${names.at(-1) ?? ''}`;
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The first characters of a digest, enough to compare by eye. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12);
}

const METRICS: Readonly<Record<string, { readonly name: string; readonly lowerIsBetter?: true }>> =
  {
    roc_auc: { name: 'ROC AUC' },
    pr_auc: { name: 'PR AUC' },
    accuracy: { name: 'Accuracy' },
    precision: { name: 'Precision' },
    recall: { name: 'Recall' },
    f1: { name: 'F1' },
    log_loss: { name: 'Log loss', lowerIsBetter: true },
    brier: { name: 'Brier score', lowerIsBetter: true },
    mcc: { name: 'Matthews correlation' },
    ece: { name: 'Calibration error', lowerIsBetter: true },
    rmse: { name: 'RMSE', lowerIsBetter: true },
    mae: { name: 'Mean absolute error', lowerIsBetter: true },
    mape: { name: 'Mean absolute share of error', lowerIsBetter: true },
    r2: { name: 'R²' },
    prediction_flip_share: { name: 'Share of decisions that flip', lowerIsBetter: true },
    p50_latency_ms: { name: 'Latency, median (ms)', lowerIsBetter: true },
    p95_latency_ms: { name: 'Latency, 95 % (ms)', lowerIsBetter: true },
    p99_latency_ms: { name: 'Latency, 99 % (ms)', lowerIsBetter: true },
    model_size_mb: { name: 'Size of the model (MB)', lowerIsBetter: true },
    custom: { name: 'SQL metric' },
    dppl: { name: 'Difference in positive predictions' },
    di: { name: 'Disparate impact' },
    ad: { name: 'Difference in accuracy' },
    rd: { name: 'Difference in recall' },
    sd: { name: 'Difference in specificity' },
    dar: { name: 'Difference in precision' },
  };

export function metricName(metric: string): string {
  return METRICS[metric]?.name ?? metric;
}

export function lowerIsBetter(metric: string): boolean {
  return METRICS[metric]?.lowerIsBetter === true;
}

/** How the person behind a decision was known. */
export function proofInWords(
  proof: Proof | { readonly kind: 'policy'; readonly digest: string },
): string {
  switch (proof.kind) {
    case 'sts':
      return `signed in to AWS as ${proof.arn}`;
    case 'os-user':
      return `operating-system user ${proof.user}`;
    case 'proxy':
      return 'named by the authenticating proxy';
    case 'registry':
      return `changed the model package as ${proof.identity}`;
    case 'unverified':
      return 'unverified: anybody who can write to Temporal could claim this';
    case 'policy':
      return `the policy ${shortDigest(proof.digest)}`;
  }
}

/** How a release ended, as a sentence. */
export function resultInWords(result: ReleaseResult): string {
  switch (result.kind) {
    case 'promoted':
      return `Promoted: ${result.configName} serves${result.short === undefined ? '' : `; probation was cut short: ${result.short}`}`;
    case 'rejected':
      return `Rejected by ${result.by}: ${result.reason}`;
    case 'expired':
      return `Expired: ${result.reason}`;
    case 'failed gates':
      return `Failed its gates: ${result.reasons.join('; ')}`;
    case 'rolled back':
      return `Rolled back: ${result.reason}`;
    case 'superseded':
      return `Superseded by release ${String(result.by)}: ${result.reason}`;
    case 'aborted':
      return `Aborted by ${result.by}: ${result.reason}`;
    case 'training failed':
      return `Training failed (${result.class}): ${result.reason}`;
  }
}

export const WINDOW_RESULTS: Readonly<
  Record<
    WindowResult['result'],
    { readonly tone: Tone; readonly mark: string; readonly words: string }
  >
> = {
  ok: { tone: 'good', mark: '✓', words: 'fine' },
  warn: { tone: 'warn', mark: '~', words: 'moving' },
  breach: { tone: 'bad', mark: '!', words: 'breach' },
  'data quality': { tone: 'warn', mark: '?', words: 'data quality' },
  'cannot tell': { tone: 'quiet', mark: '–', words: 'cannot tell' },
};

/** How something is coloured; never the only sign of what it is. */
export type Tone = 'good' | 'warn' | 'bad' | 'quiet' | 'active';

const TONES: Readonly<Record<string, Tone>> = {
  healthy: 'good',
  'data quality': 'warn',
  drift: 'warn',
  performance: 'bad',
  'unhealthy endpoint': 'bad',
  'cannot tell': 'quiet',
  promoted: 'good',
  rejected: 'quiet',
  expired: 'quiet',
  superseded: 'quiet',
  aborted: 'warn',
  'failed gates': 'warn',
  'rolled back': 'bad',
  'training failed': 'bad',
  pass: 'good',
  fail: 'bad',
  inconclusive: 'warn',
  failed: 'bad',
  terminated: 'bad',
  'timed out': 'bad',
  cancelled: 'warn',
};

export function toneOf(word: string): Tone {
  return TONES[word] ?? 'active';
}

/** The word in a coloured frame. */
export function badge(word: string, tone: Tone = toneOf(word)): Html {
  return html`<span class="badge ${tone}">${word}</span>`;
}
