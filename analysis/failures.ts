/** The data cannot be analysed, and a retry would not change that. The message tells people what to repair. */
export class UnusableData extends Error {
  override readonly name = 'UnusableData';
}
