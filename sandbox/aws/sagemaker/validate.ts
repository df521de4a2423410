import { z } from 'zod';
import { AwsError } from '../kernel.js';

type Issue = z.core.$ZodIssue;

/**
 * A call's input in the shape its operation needs; members nobody reads pass through.
 *
 * @throws {AwsError} ValidationException naming every member at fault in AWS's words, or
 *   SerializationException when a member has the wrong JSON type.
 */
export function parse<T extends z.ZodType>(schema: T, input: unknown): z.infer<T> {
  const result = schema.safeParse(input, { reportInput: true });
  if (result.success) return result.data;
  const { issues } = result.error;
  const wrongType = issues.find(
    (issue) => issue.code === 'invalid_type' && issue.input !== undefined,
  );
  if (wrongType !== undefined) {
    throw new AwsError(
      'SerializationException',
      `${memberPath(wrongType.path)} has the wrong type`,
    );
  }
  const words = issues.map(sentence).join('; ');
  const errors = issues.length === 1 ? 'error' : 'errors';
  throw invalid(`${issues.length} validation ${errors} detected: ${words}`);
}

export function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message);
}

function sentence(issue: Issue): string {
  const where = `at '${memberPath(issue.path)}' failed to satisfy constraint:`;
  if (issue.input === undefined) return `Value ${where} Member must not be null`;
  if (issue.code === 'custom') return issue.message;
  const value = typeof issue.input === 'string' ? issue.input : JSON.stringify(issue.input);
  return `Value '${value}' ${where} ${constraint(issue)}`;
}

function constraint(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_format':
      return `Member must satisfy regular expression pattern: ${issue.pattern?.replace(/^\/\^?|\$?\/$/g, '') ?? issue.format}`;
    case 'invalid_value':
      return `Member must satisfy enum value set: [${issue.values.map(String).join(', ')}]`;
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `Member must have value less than or equal to ${issue.maximum}`
        : `Member must have length less than or equal to ${issue.maximum}`;
    case 'too_small':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `Member must have value greater than or equal to ${issue.minimum}`
        : `Member must have length greater than or equal to ${issue.minimum}`;
    default:
      return issue.message;
  }
}

/** `ProductionVariants[0].VariantName` is `productionVariants.1.member.variantName` to AWS. */
function memberPath(path: readonly PropertyKey[]): string {
  return path
    .map((part) =>
      typeof part === 'number'
        ? `${part + 1}.member`
        : String(part).replace(/^./, (letter) => letter.toLowerCase()),
    )
    .join('.');
}
