import { createHash } from 'node:crypto';
import { AwsError } from '../kernel.js';
import type { QueueAttributes } from '../wires.js';
import { invalid } from './errors.js';
import { isFifo } from './records.js';
import type { Publication, Topic } from './records.js';

/** Parameters of a call, or of one entry of a batch. */
export type Form = ReadonlyMap<string, string>;

export const MAX_BYTES = 262_144;

/** @throws {AwsError} for what Publish refuses. */
export function readPublication(form: Form, topic: Topic): Publication {
  const message = form.get('Message') ?? '';
  const subject = form.get('Subject');
  if (message === '') throw invalid('Empty message');
  if (Buffer.byteLength(message) > MAX_BYTES) throw invalid('Message too long');
  if (subject !== undefined && (subject.length > 100 || !/^[\x21-\x7e][\x20-\x7e]*$/.test(subject)))
    throw invalid('Subject');
  const attributes = readAttributes(form);
  const structure = form.get('MessageStructure');
  if (structure !== undefined && structure !== 'json')
    throw invalid('MessageStructure Reason: the only valid value is json');
  const byProtocol = structure === 'json' ? structured(message) : undefined;
  const base = {
    topicArn: topic.arn,
    subject,
    message: byProtocol?.default ?? message,
    byProtocol,
    attributes,
  };
  const groupId = form.get('MessageGroupId');
  const given = form.get('MessageDeduplicationId');
  if (!isFifo(topic)) {
    if (given !== undefined)
      throw invalid(
        'MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type',
      );
    return base;
  }
  if (groupId === undefined)
    throw invalid('The MessageGroupId parameter is required for FIFO topics');
  const deduplicationId =
    given ??
    (topic.attributes.ContentBasedDeduplication === 'true'
      ? createHash('sha256').update(message).digest('hex')
      : undefined);
  if (deduplicationId === undefined) {
    throw invalid(
      'The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  }
  return { ...base, fifo: { groupId, deduplicationId } };
}

/** MessageStructure json: one message per protocol, with `default` for the others. */
function structured(message: string): Readonly<Record<string, string>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(message);
  } catch {
    throw invalid('Message Structure - JSON message body failed to parse');
  }
  if (
    typeof parsed !== 'object' ||
    parsed === null ||
    !('default' in parsed) ||
    typeof parsed.default !== 'string'
  ) {
    throw invalid('Message Structure - No default entry in JSON message body');
  }
  // SNS leaves out what is no text.
  return Object.fromEntries(
    Object.entries(parsed).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
}

function readAttributes(form: Form): QueueAttributes {
  const attributes: Record<string, QueueAttributes[string]> = {};
  for (let at = 1; form.has(`MessageAttributes.entry.${at}.Name`); at += 1) {
    const prefix = `MessageAttributes.entry.${at}`;
    const name = form.get(`${prefix}.Name`) ?? '';
    const type = form.get(`${prefix}.Value.DataType`);
    const text = form.get(`${prefix}.Value.StringValue`);
    const bytes = form.get(`${prefix}.Value.BinaryValue`);
    if (type === undefined) {
      throw new AwsError(
        'ParameterValueInvalid',
        `The message attribute '${name}' must contain non-empty message attribute type.`,
        400,
        'ParameterValueInvalid',
      );
    }
    if (!/^(String|Number|Binary)(\..+)?$/.test(type)) {
      throw new AwsError(
        'ParameterValueInvalid',
        `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
        400,
        'ParameterValueInvalid',
      );
    }
    if ((text ?? bytes ?? '') === '') {
      throw new AwsError(
        'ParameterValueInvalid',
        `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${type}'.`,
        400,
        'ParameterValueInvalid',
      );
    }
    if (type === 'Number' && !Number.isFinite(Number(text))) {
      throw new AwsError(
        'ParameterValueInvalid',
        `Could not cast message attribute '${name}' value to number.`,
        400,
        'ParameterValueInvalid',
      );
    }
    attributes[name] = {
      DataType: type,
      ...(text === undefined ? {} : { StringValue: text }),
      ...(bytes === undefined ? {} : { BinaryValue: bytes }),
    };
  }
  return attributes;
}
