import type { AdminPages } from '../admin.js';
import { AwsError } from '../kernel.js';
import type { Service } from '../kernel.js';
import { detected } from '../validate.js';
import type { Core } from '../wires.js';

/** Seconds a session lasts at most when it was reached from another session. */
const MOST_CHAINED_SECONDS = 3_600;
const DEFAULT_SECONDS = 3_600;

/** Domain and name of a Studio user profile's ARN; `undefined` for any other identity. */
export function studioProfile(
  arn: string,
): { readonly domain: string; readonly name: string } | undefined {
  const match = /^arn:[^:]+:sagemaker:[^:]+:\d{12}:user-profile\/(d-[^/]+)\/([^/]+)$/.exec(arn);
  return match === null ? undefined : { domain: match[1] ?? '', name: match[2] ?? '' };
}

/** What STS says of everybody in Studio: the session of the domain's execution role. */
export const studioSession = (profileArn: string): string =>
  `arn:aws:sts::${profileArn.split(':')[4] ?? ''}:assumed-role/AmazonSageMaker-ExecutionRole/SageMaker`;

/** AWS STS: who a caller is goes by the access key id; signatures are not checked. */
export function createSts(core: Core): { readonly service: Service; readonly pages: AdminPages } {
  const { identities } = core;
  return {
    service: {
      name: 'STS',
      complain: detected('ValidationError'),
      query: {
        version: '2011-06-15',
        namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
        operations: {
          GetCallerIdentity: (_form, { accessKeyId }) => {
            signedOrRefused(accessKeyId);
            const { arn: known, accountId } = identities.of(accessKeyId);
            const arn = studioProfile(known) === undefined ? known : studioSession(known);
            return {
              Arn: arn,
              UserId: userIdOf(arn, accessKeyId),
              Account: accountId,
            };
          },
          AssumeRole: (form, { accessKeyId }) => {
            signedOrRefused(accessKeyId);
            const caller = identities.of(accessKeyId);
            const { roleArn, sessionName, seconds } = assumption(form);
            if (caller.arn.includes(':assumed-role/') && seconds > MOST_CHAINED_SECONDS)
              throw invalid(
                'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
              );
            if (!identities.mayAssume(roleArn, caller, form.get('ExternalId')))
              throw new AwsError(
                'AccessDenied',
                `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
                403,
              );
            const given = identities.assume(roleArn, sessionName, seconds);
            return {
              Credentials: {
                AccessKeyId: given.accessKeyId,
                SecretAccessKey: given.secretAccessKey,
                SessionToken: given.sessionToken,
                Expiration: new Date(given.expiresAtMs).toISOString(),
              },
              AssumedRoleUser: {
                AssumedRoleId: userIdOf(given.arn, given.accessKeyId),
                Arn: given.arn,
              },
            };
          },
        },
      },
    },
    pages: {
      'GET /_sandbox/identities': () => identities.names(),
      'PUT /_sandbox/identities': (body) => identities.replaceNames(body),
      'GET /_sandbox/roles': () => identities.roles(),
      'PUT /_sandbox/roles': (body) => identities.replaceRoles(body),
      'GET /_sandbox/sessions': () => identities.sessions(),
      'DELETE /_sandbox/sessions': () => {
        identities.endSessions();
      },
    },
  };
}

function signedOrRefused(accessKeyId: string): void {
  if (accessKeyId === 'anonymous')
    throw new AwsError(
      'MissingAuthenticationToken',
      'Request is missing Authentication Token',
      403,
    );
}

function userIdOf(arn: string, accessKeyId: string): string {
  const session = /:assumed-role\/([^/]+)\/(.+)$/.exec(arn);
  return session === null
    ? `AIDA${accessKeyId}`
    : `AROA${(session[1] ?? '').toUpperCase()}:${session[2] ?? ''}`;
}

const invalid = (message: string): AwsError => new AwsError('ValidationError', message, 400);

/** What the service model leaves open. Lengths, patterns and ranges are checked by then. */
function assumption(form: ReadonlyMap<string, string>): {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly seconds: number;
} {
  const roleArn = form.get('RoleArn') ?? '';
  if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/.test(roleArn))
    throw invalid(`${roleArn} is invalid`);
  return {
    roleArn,
    sessionName: form.get('RoleSessionName') ?? '',
    seconds: Number(form.get('DurationSeconds') ?? DEFAULT_SECONDS),
  };
}
