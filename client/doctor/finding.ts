/** One line of what the doctor says. */
export interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'warning' | 'bad';
  /** What was seen, and what to do about it. */
  readonly sentence: string;
}

export const ok = (what: string, sentence: string): Finding => ({ what, state: 'ok', sentence });
export const warning = (what: string, sentence: string): Finding => ({
  what,
  state: 'warning',
  sentence,
});
export const bad = (what: string, sentence: string): Finding => ({ what, state: 'bad', sentence });

/** What nobody may look at is no fault of its own, and no health either. */
export const unknown = (what: string, reason: string): Finding =>
  warning(what, `not known: ${reason}`);
