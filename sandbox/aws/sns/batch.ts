import { AwsError } from '../kernel.js';
import { MAX_BYTES } from './publication.js';
import type { Form } from './publication.js';

const MOST_ENTRIES = 10;
const PREFIX = 'PublishBatchRequestEntries.member.';

interface Entry {
  readonly id: string;
  /** Its parameters, named as those of Publish. */
  readonly form: Form;
}

/** @throws {AwsError} for a batch that PublishBatch refuses as a whole. */
export function batchOf(form: Form): readonly Entry[] {
  const forms = new Map<number, Map<string, string>>();
  for (const [name, value] of form) {
    const [, number, member = ''] = name.startsWith(PREFIX)
      ? (/^(\d+)\.(.+)$/.exec(name.slice(PREFIX.length)) ?? [])
      : [];
    if (number === undefined) continue;
    const own = forms.get(Number(number)) ?? new Map<string, string>();
    own.set(member, value);
    forms.set(Number(number), own);
  }
  const entries = [...forms]
    .sort(([a], [b]) => a - b)
    .map(([, own]) => ({ id: own.get('Id') ?? '', form: own }));
  refuse(entries);
  return entries;
}

function refuse(entries: readonly Entry[]): void {
  if (entries.length === 0)
    throw problem('EmptyBatchRequest', "The batch request doesn't contain any entries.");
  if (entries.length > MOST_ENTRIES)
    throw problem(
      'TooManyEntriesInBatchRequest',
      'The batch request contains more entries than permissible.',
    );
  const malformed = entries.find(({ id }) => !/^[A-Za-z0-9_-]{1,80}$/.test(id));
  if (malformed !== undefined)
    throw problem(
      'InvalidBatchEntryId',
      "The Id of a batch entry in a batch request doesn't abide by the specification.",
    );
  if (new Set(entries.map(({ id }) => id)).size < entries.length)
    throw problem(
      'BatchEntryIdsNotDistinct',
      'Two or more batch entries in the request have the same Id.',
    );
  const bytes = entries.reduce(
    (sum, { form }) => sum + Buffer.byteLength(form.get('Message') ?? ''),
    0,
  );
  if (bytes > MAX_BYTES)
    throw problem(
      'BatchRequestTooLong',
      'The length of all the batch messages put together is more than the limit.',
    );
}

function problem(code: string, message: string): AwsError {
  return new AwsError(`${code}Exception`, message, 400, code);
}
