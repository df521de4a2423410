/** Something a person has to see to; the message says what. */
export class SetupError extends Error {}

/** Thrown by a way that does not lead there, with the reason in words. */
export class NoWay extends Error {}

/**
 * Tries ways in order and returns the first result.
 *
 * A way is `{ name, decisive?, attempt }`; `attempt` returns `undefined` when the way does not apply
 * (an environment variable that is not set) and throws `NoWay` when it failed. After a `decisive`
 * one (somebody asked for exactly this) nothing else is tried.
 *
 * @throws {SetupError} naming every way tried, why it failed, and `advice`.
 */
export async function firstThatWorks(what, ways, advice) {
  const failures = [];
  for (const way of ways) {
    try {
      const found = await way.attempt();
      if (found !== undefined) return found;
      failures.push({ name: way.name, why: way.decisive === true ? 'not set' : 'not there' });
    } catch (error) {
      if (!(error instanceof NoWay)) throw error;
      failures.push({ name: way.name, why: error.message });
      if (way.decisive === true) {
        throw new SetupError(
          `${what}: ${way.name} does not work: ${error.message}\nCorrect it, or unset it to have another way tried.`,
        );
      }
    }
  }
  const tried = failures.map(({ name, why }, index) => `  ${index + 1}. ${name}: ${why}`);
  throw new SetupError(
    [
      `${what} could not be found or obtained. Tried:`,
      ...tried,
      'What to do:',
      ...advice.map((line) => `  - ${line}`),
    ].join('\n'),
  );
}
