import { z } from 'zod';
import type { AdminPages } from '../admin.js';
import { AwsError } from '../kernel.js';
import type { Service } from '../kernel.js';
import type { Core } from '../wires.js';

const identitiesSchema = z.record(z.string().min(1), z.string().startsWith('arn:'));
type Identities = z.output<typeof identitiesSchema>;

const COLLECTION = 'sandbox';
const KEY = 'identities';

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
  const identities = (): Identities => core.store.get<Identities>(COLLECTION, KEY) ?? {};
  return {
    service: {
      name: 'STS',
      query: {
        version: '2011-06-15',
        namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
        operations: {
          GetCallerIdentity: (_form, { accessKeyId }) => {
            if (accessKeyId === 'anonymous') {
              throw new AwsError(
                'MissingAuthenticationToken',
                'Request is missing Authentication Token',
                403,
              );
            }
            const known =
              identities()[accessKeyId] ?? `arn:aws:iam::${core.accountId}:user/${accessKeyId}`;
            const arn = studioProfile(known) === undefined ? known : studioSession(known);
            return {
              Arn: arn,
              UserId: `AIDA${accessKeyId}`,
              Account: arn.split(':')[4] ?? core.accountId,
            };
          },
        },
      },
    },
    pages: {
      'GET /_sandbox/identities': identities,
      'PUT /_sandbox/identities': (body) => {
        core.store.put(COLLECTION, KEY, identitiesSchema.parse(body));
        return identities();
      },
    },
  };
}
