/** Lines of data capture and of ground truth, as the containers of monitors read them. */

/** One captured call between two instants. */
export interface CapturedCall {
  /** Labels name it: the caller's inference id where one was sent. */
  readonly id: string;
  /** Bodies as text; `null` where that side was not captured. */
  readonly input: string | null;
  readonly output: string | null;
}

interface Payload {
  readonly data: string;
  readonly encoding: string;
}

export const capturedCalls = (
  lines: readonly string[],
  fromMs: number,
  toMs: number,
): readonly CapturedCall[] =>
  lines.flatMap((line) => {
    const { captureData, eventMetadata } = JSON.parse(line) as {
      captureData?: { endpointInput?: Payload; endpointOutput?: Payload };
      eventMetadata: { inferenceTime: string; eventId: string; inferenceId?: string };
    };
    const atMs = Date.parse(eventMetadata.inferenceTime);
    if (atMs < fromMs || atMs >= toMs) return [];
    return [
      {
        id: eventMetadata.inferenceId ?? eventMetadata.eventId,
        input: textOf(captureData?.endpointInput),
        output: textOf(captureData?.endpointOutput),
      },
    ];
  });

function textOf(payload: Payload | undefined): string | null {
  if (payload === undefined) return null;
  return payload.encoding === 'BASE64'
    ? Buffer.from(payload.data, 'base64').toString('utf8')
    : payload.data;
}

/** Labels by the id of the call they are of. */
export function labelsById(lines: readonly string[]): ReadonlyMap<string, string> {
  const byId = new Map<string, string>();
  for (const line of lines) {
    const { groundTruthData, eventMetadata } = JSON.parse(line) as {
      groundTruthData?: { data?: string | number };
      eventMetadata?: { eventId?: string };
    };
    const id = eventMetadata?.eventId;
    if (id !== undefined) byId.set(id, String(groundTruthData?.data ?? '').trim());
  }
  return byId;
}

/** A cell by its index in the first row of CSV, or by its path (`predictions[0].score`) in JSON. */
export function cellOf(text: string, attribute: string | undefined): string | null {
  if (attribute === undefined) return null;
  const trimmed = text.trim();
  if (!/^[[{]/.test(trimmed))
    return (trimmed.split('\n')[0] ?? '').split(',')[Number(attribute)]?.trim() ?? null;
  return textAt(JSON.parse(trimmed), attribute);
}

/** A cell of JSON; what is no plain value is an empty one. */
export const cellAt = (value: unknown, path: string): string => textAt(value, path) ?? '';

function textAt(value: unknown, path: string): string | null {
  const found = atPath(value, path);
  return typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean'
    ? String(found)
    : null;
}

export const atPath = (value: unknown, path: string): unknown =>
  path
    .split(/[.[\]]+/)
    .filter((key) => key !== '')
    .reduce<unknown>(
      (here, key) =>
        typeof here === 'object' && here !== null
          ? (here as Record<string, unknown>)[key]
          : undefined,
      value,
    );
