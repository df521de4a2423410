import type { Core } from '../wires.js';

/** One POST of SNS to a web server. */
export interface Post {
  readonly type: 'Notification' | 'SubscriptionConfirmation' | 'UnsubscribeConfirmation';
  readonly endpoint: string;
  readonly messageId: string;
  readonly topicArn: string;
  /** Absent while the subscription is not confirmed. */
  readonly subscriptionArn?: string;
  readonly isRaw?: boolean;
  readonly body: string;
}

/** Times that SNS tries again by default, each so long after the one before. */
export const RETRIES = 3;
const RETRY_AFTER_MS = 20_000;
const PATIENCE_MS = 15_000;

/**
 * Delivers to a web server of this machine, and again after 20 s (divided by the speed) while it answers 429, 5xx or
 * nothing. `settled` hears `undefined` once it was delivered, or why it never will be.
 */
export function post(
  core: Core,
  what: Post,
  settled: (problem: string | undefined) => void,
  retries = RETRIES,
): void {
  const attempt = async (): Promise<void> => {
    const { problem, isFinal } = await send(what);
    if (problem === undefined || isFinal || retries === 0) {
      settled(problem);
      return;
    }
    core.after(RETRY_AFTER_MS / core.speed, `SNS delivery to ${what.endpoint}`, () => {
      post(core, what, settled, retries - 1);
    });
  };
  attempt().catch((error: unknown) => {
    core.log(`SNS delivery to ${what.endpoint}: ${String(error)}`);
  });
}

async function send(what: Post): Promise<{ problem?: string; isFinal: boolean }> {
  try {
    const response = await fetch(what.endpoint, {
      method: 'POST',
      headers: headersOf(what),
      body: what.body,
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    await response.body?.cancel();
    if (response.status >= 200 && response.status < 300) return { isFinal: true };
    const isPassing = response.status === 429 || response.status >= 500;
    return { problem: `it answered ${response.status}`, isFinal: !isPassing };
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    return { problem: cause instanceof Error ? cause.message : String(cause), isFinal: false };
  }
}

function headersOf(what: Post): Record<string, string> {
  return {
    'content-type': 'text/plain; charset=UTF-8',
    'user-agent': 'Amazon Simple Notification Service Agent',
    'x-amz-sns-message-type': what.type,
    'x-amz-sns-message-id': what.messageId,
    'x-amz-sns-topic-arn': what.topicArn,
    ...(what.subscriptionArn === undefined
      ? {}
      : { 'x-amz-sns-subscription-arn': what.subscriptionArn }),
    ...(what.isRaw === true ? { 'x-amz-sns-rawdelivery': 'true' } : {}),
  };
}

/** What is wrong with the endpoint of a protocol, or nothing. Nothing is sent to other machines. */
export function faultOfEndpoint(protocol: 'http' | 'https', endpoint: string): string | undefined {
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    return `Endpoint Reason: ${endpoint} is no web address`;
  }
  if (url.protocol !== `${protocol}:`) return 'Endpoint must match the specified protocol';
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname))
    return `Endpoint Reason: the sandbox delivers to this machine only, to 127.0.0.1 or localhost, not to ${url.hostname}`;
  return undefined;
}
