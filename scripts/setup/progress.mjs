const EVERY_TERMINAL_MS = 1_000;
const EVERY_LOG_MS = 10_000;

/** `75_000` as `1 min 15 s`. */
export function elapsed(ms) {
  const seconds = Math.round(ms / 1000);
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** One plain line on standard error; standard output belongs to what is being started. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Says `what` while `work` is going on, with the time it has taken: on a terminal in one line every
 * second, in a log as a new line every ten. Returns what `work` returns;
 * `{ ok: false }` and an exception are said to be failures.
 */
export async function withProgress(what, work, out = process.stderr) {
  const startedMs = Date.now();
  const took = () => elapsed(Date.now() - startedMs);
  const terminal = out.isTTY === true;
  out.write(terminal ? what : `${what}\n`);
  const timer = setInterval(
    () => out.write(terminal ? `\r\x1b[K${what} (${took()})` : `  ... ${took()}\n`),
    terminal ? EVERY_TERMINAL_MS : EVERY_LOG_MS,
  );
  let failed = true;
  try {
    const result = await work();
    failed = result?.ok === false;
    return result;
  } finally {
    clearInterval(timer);
    const how = failed ? 'failed after' : 'done in';
    out.write(terminal ? `\r\x1b[K${what}: ${how} ${took()}\n` : `  ${how} ${took()}\n`);
  }
}
