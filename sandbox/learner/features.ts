/** Columns known before departure, in the order of a CSV request's fields. */
export const DEFAULT_FEATURES: readonly string[] = [
  'origin',
  'destination',
  'distance',
  'hour',
  'weekday',
];
