// node --import of this: a worker's clock is three minutes ahead; every other process has the right time.
export const AHEAD_MS = 180_000;

if (process.argv.includes('worker')) {
  const RightDate = Date;
  globalThis.Date = class extends RightDate {
    constructor(...parts) {
      if (parts.length === 0) super(RightDate.now() + AHEAD_MS);
      else super(...parts);
    }

    static now() {
      return RightDate.now() + AHEAD_MS;
    }
  };
}
