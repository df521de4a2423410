import { SetupError } from './ways.mjs';

/** Runs a script's body; an error ends it with exit code 1 and a message for people, not a stack. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    const expected = error instanceof SetupError || process.env.MODELKEEPER_DEBUG === undefined;
    process.stderr.write(`\n${expected ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}
