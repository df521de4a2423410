/**
 * A token of a page is good for the operation that gave it and for no other, as on AWS. Services make tokens without
 * minding that: here each gets a mark of its operation on its way out, and loses it on its way in.
 */
import { createHash } from 'node:crypto';

/** No token of any service: each refuses it with its own error. */
const OF_ANOTHER = 'of another operation';
const MARK_LENGTH = 8;

const markOf = (operation: string): string =>
  createHash('sha256').update(operation).digest('base64url').slice(0, MARK_LENGTH);

export function marked(operation: string, answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('NextToken' in answer)) return answer;
  const { NextToken } = answer;
  return typeof NextToken === 'string'
    ? { ...answer, NextToken: `${markOf(operation)}${NextToken}` }
    : answer;
}

export function unmarked(
  operation: string,
  input: Record<string, unknown>,
): Record<string, unknown> {
  const { NextToken } = input;
  if (typeof NextToken !== 'string') return input;
  const ours = NextToken.startsWith(markOf(operation));
  return { ...input, NextToken: ours ? NextToken.slice(MARK_LENGTH) : OF_ANOTHER };
}
