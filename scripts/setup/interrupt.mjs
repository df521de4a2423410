// What to undo when the person presses Ctrl-C (or the process is asked to end) in the middle of the set-up.

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
const undos = new Set();
let ending = false;

async function end(signal) {
  if (ending) return;
  ending = true;
  // The newest first: a child ends before the directory it writes to is removed.
  for (const undo of [...undos].reverse()) {
    try {
      await undo(signal);
    } catch (error) {
      process.stderr.write(`While cleaning up: ${error.message}\n`);
    }
  }
  process.exit(SIGNALS[signal]);
}

/** Whether a signal has asked us to end: what is going on must not go on to its next step. */
export const isEnding = () => ending;

/**
 * Registers `undo`, called when a signal ends the set-up; returns a function that forgets it.
 * Signals are handled only while something is registered.
 */
export function onInterrupt(undo) {
  if (undos.size === 0) for (const signal of Object.keys(SIGNALS)) process.on(signal, end);
  undos.add(undo);
  return () => {
    undos.delete(undo);
    if (undos.size === 0 && !ending) {
      for (const signal of Object.keys(SIGNALS)) process.removeListener(signal, end);
    }
  };
}
