/** Sessions of the roles that policies name: assumed when first needed, and again before they end. */
import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts';

import type { Session } from '../activities/deps.js';

/** What the SDK signs with. */
export interface SessionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** A role that was reached from another role has an hour at most, whatever it allows: so everybody has an hour. */
const SESSION_SECONDS = 3_600;
/** The SDK asks for new credentials five minutes before the end: by then ours must be new ones. */
const RENEW_BEFORE_MS = 6 * 60_000;

interface Held {
  readonly credentials: Promise<SessionCredentials>;
  /** Infinity while STS is being asked. */
  expiresAtMs: number;
}

export class RoleSessions {
  private readonly held = new Map<string, Held>();

  constructor(
    private readonly stsOf: (region: string) => Pick<STSClient, 'send'>,
    private readonly now: () => number = Date.now,
  ) {}

  /** Credentials of a session. Whoever asks meanwhile waits for the same call of STS. */
  credentials(region: string, session: Session): Promise<SessionCredentials> {
    const key = sessionKey(session);
    const known = this.held.get(key);
    if (known !== undefined && known.expiresAtMs - this.now() > RENEW_BEFORE_MS)
      return known.credentials;
    this.dropEnded();
    const held: Held = {
      credentials: assume(this.stsOf(region), session),
      expiresAtMs: Number.POSITIVE_INFINITY,
    };
    this.held.set(key, held);
    held.credentials.then(
      ({ expiration }) => {
        held.expiresAtMs = expiration.getTime();
      },
      () => {
        if (this.held.get(key) === held) this.held.delete(key);
      },
    );
    return held.credentials;
  }

  /** For a session that AWS does not take any more: the next call assumes the role anew. */
  forget(session: Session): void {
    this.held.delete(sessionKey(session));
  }

  private dropEnded(): void {
    for (const [key, { expiresAtMs }] of this.held)
      if (expiresAtMs <= this.now()) this.held.delete(key);
  }
}

export const sessionKey = ({ arn, externalId, name }: Session): string =>
  JSON.stringify([arn, externalId ?? null, name]);

async function assume(
  sts: Pick<STSClient, 'send'>,
  { arn, externalId, name }: Session,
): Promise<SessionCredentials> {
  const { Credentials: given } = await sts.send(
    new AssumeRoleCommand({
      RoleArn: arn,
      RoleSessionName: name,
      DurationSeconds: SESSION_SECONDS,
      ...(externalId === undefined ? {} : { ExternalId: externalId }),
    }),
  );
  if (
    given?.AccessKeyId === undefined ||
    given.SecretAccessKey === undefined ||
    given.SessionToken === undefined ||
    given.Expiration === undefined
  )
    throw new Error(`STS answered without credentials for ${arn}`);
  return {
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    sessionToken: given.SessionToken,
    expiration: given.Expiration,
  };
}
