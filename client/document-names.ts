/** What others' programs read, by the names of its schemas. Apart from them, so that a name costs no zod. */
export const DOCUMENT_NAMES = [
  'notice-v1',
  'release-stage-change-v1',
  'decision-v1',
  'verdict-change-v1',
  'drift-report-v1',
  'evaluation-v1',
  'multivariate-v1',
] as const;
export type DocumentName = (typeof DOCUMENT_NAMES)[number];
