import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { roleOf } from '../iam/resource-policy.js';
import type { Store } from '../kernel.js';

const namesSchema = z.record(z.string().min(1), z.string().startsWith('arn:'));
const rolesSchema = z.record(
  z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/),
  z.strictObject({
    /** ARNs that may assume it, as the trust policy spells them, or `*`. */
    trusts: z.array(z.string().min(1)),
    externalId: z.string().min(2).optional(),
    /** Actions it may not, as IAM spells them: `sagemaker:UpdateEndpoint`, `s3:*`. */
    denies: z.array(z.string().regex(/^[a-z0-9-]+:[A-Za-z0-9*]+$/)).optional(),
  }),
);

type Names = z.output<typeof namesSchema>;
type Roles = z.output<typeof rolesSchema>;

/** A role that somebody has assumed, by the access key id STS gave out. */
interface AssumedRole {
  readonly arn: string;
  readonly expiresAtMs: number;
}

export interface Identity {
  readonly arn: string;
  readonly accountId: string;
  /** AWS does not take its credentials any more. */
  readonly ended: boolean;
}

const COLLECTION = 'sandbox';
const NAMES = 'identities';
const ROLES = 'roles';
/** Sessions of roles by access key id. */
export const ROLE_SESSIONS = 'sts-sessions';
const KEPT_AFTER_END_MS = 86_400_000;

/** Who callers are. It goes by the access key id: signatures are not checked. */
export class Identities {
  constructor(
    private readonly store: Store,
    private readonly accountId: string,
    private readonly now: () => number,
  ) {}

  of(accessKeyId: string): Identity {
    const session = this.store.get<AssumedRole>(ROLE_SESSIONS, accessKeyId);
    const arn =
      session?.arn ??
      this.names()[accessKeyId] ??
      `arn:aws:iam::${this.accountId}:user/${accessKeyId}`;
    return {
      arn,
      accountId: arn.split(':')[4] ?? this.accountId,
      ended: session !== undefined && session.expiresAtMs <= this.now(),
    };
  }

  /** Whether `caller` may assume the role. While no role is declared, every role may be assumed by everybody. */
  mayAssume(roleArn: string, caller: Identity, externalId: string | undefined): boolean {
    const roles = this.roles();
    if (Object.keys(roles).length === 0) return true;
    const role = Object.hasOwn(roles, roleArn) ? roles[roleArn] : undefined;
    if (role === undefined) return false;
    if (role.externalId !== undefined && role.externalId !== externalId) return false;
    const principals = ['*', caller.arn, roleOf(caller.arn), accountRootOf(caller.arn)];
    return role.trusts.some((trusted) => principals.includes(trusted));
  }

  /** Whether there is such a role, user or group. While no role is declared, every one is there. */
  exists(arn: string): boolean {
    const roles = this.roles();
    return !arn.includes(':role/') || Object.keys(roles).length === 0 || Object.hasOwn(roles, arn);
  }

  /** Whether a role, or the session of one, is denied an action. */
  denies(arn: string, action: string): boolean {
    const roles = this.roles();
    const role = roleOf(arn);
    const denied = Object.hasOwn(roles, role) ? roles[role]?.denies : undefined;
    return (denied ?? []).some((pattern) =>
      new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 'i').test(action),
    );
  }

  assume(roleArn: string, sessionName: string, seconds: number): SessionGiven {
    const [, , , , account = '', resource = ''] = roleArn.split(':');
    const role = resource.split('/').at(-1) ?? '';
    const accessKeyId = `ASIA${keyLetters(16)}`;
    const expiresAtMs = this.now() + seconds * 1_000;
    const arn = `arn:aws:sts::${account}:assumed-role/${role}/${sessionName}`;
    this.dropOld();
    this.store.put(ROLE_SESSIONS, accessKeyId, { arn, expiresAtMs } satisfies AssumedRole);
    return {
      arn,
      accessKeyId,
      expiresAtMs,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(96).toString('base64'),
    };
  }

  /** Ends every session, as a revocation does. */
  endSessions(): void {
    for (const [key, session] of this.store.entries<AssumedRole>(ROLE_SESSIONS))
      this.store.put(ROLE_SESSIONS, key, { ...session, expiresAtMs: this.now() });
  }

  sessions(): readonly (AssumedRole & { readonly accessKeyId: string })[] {
    return this.store
      .entries<AssumedRole>(ROLE_SESSIONS)
      .map(([accessKeyId, session]) => ({ accessKeyId, ...session }));
  }

  names(): Names {
    return this.store.get<Names>(COLLECTION, NAMES) ?? {};
  }

  /** @throws {z.ZodError} when it is no table of access key ids and ARNs. */
  replaceNames(body: unknown): Names {
    this.store.put(COLLECTION, NAMES, namesSchema.parse(body));
    return this.names();
  }

  roles(): Roles {
    return this.store.get<Roles>(COLLECTION, ROLES) ?? {};
  }

  /** @throws {z.ZodError} when it is no table of role ARNs and whom they trust. */
  replaceRoles(body: unknown): Roles {
    this.store.put(COLLECTION, ROLES, rolesSchema.parse(body));
    return this.roles();
  }

  private dropOld(): void {
    const before = this.now() - KEPT_AFTER_END_MS;
    for (const [key, { expiresAtMs }] of this.store.entries<AssumedRole>(ROLE_SESSIONS))
      if (expiresAtMs < before) this.store.delete(ROLE_SESSIONS, key);
  }
}

export interface SessionGiven extends AssumedRole {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

const accountRootOf = (arn: string): string => {
  const [, partition = 'aws', , , account = ''] = arn.split(':');
  return `arn:${partition}:iam::${account}:root`;
};

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

const keyLetters = (count: number): string =>
  [...randomBytes(count)].map((byte) => LETTERS[byte % LETTERS.length]).join('');
